-- Withdraws a boot's interest in a group, if the registration is the one named.
-- KEYS[1]  the group's hash: boot -> registration
-- ARGV     boot, registration
-- Returns  1 when it was, else 0
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])
