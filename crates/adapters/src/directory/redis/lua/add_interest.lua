-- Registers a boot's interest in a group, unless a later registration of it stands.
-- KEYS[1]  the group's hash: boot -> registration
-- ARGV     boot, registration
-- Returns  the registration that was replaced, or ''
local present = redis.call('HGET', KEYS[1], ARGV[1])
if present and tonumber(present) >= tonumber(ARGV[2]) then return '' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return present or ''
