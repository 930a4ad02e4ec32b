-- Puts evictions at the end of a boot's list, as many as there is room for.
-- KEYS[1]  the boot's list of evictions
-- ARGV     the most that the list may hold, ttl_ms, then each eviction
-- Returns  how many found room
local room = math.min(tonumber(ARGV[1]) - redis.call('LLEN', KEYS[1]), #ARGV - 2)
for i = 1, room do redis.call('RPUSH', KEYS[1], ARGV[i + 2]) end
-- Nobody empties the list of a boot that is gone.
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return math.max(room, 0)
