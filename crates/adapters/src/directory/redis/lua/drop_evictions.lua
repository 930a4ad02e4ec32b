-- Takes evictions off a boot's list once they have arrived; what was pushed meanwhile stays.
-- KEYS[1]  the boot's list of evictions
-- ARGV     each eviction
-- Returns  how many were there
local count = 0
for i = 1, #ARGV do count = count + redis.call('LREM', KEYS[1], 1, ARGV[i]) end
return count
