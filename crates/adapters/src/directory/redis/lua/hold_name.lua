-- Takes or keeps a node's name for a boot.
-- KEYS[1]  the name's holder, a boot
-- ARGV     boot, ttl_ms, another boot that may be replaced or ''
-- Returns  '' when the boot holds the name now, else the boot that does
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] and holder ~= ARGV[3] then return holder end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ''
