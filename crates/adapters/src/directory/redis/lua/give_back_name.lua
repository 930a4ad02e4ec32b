-- Gives a node's name back, if it is the boot's.
-- KEYS[1]  the name's holder, a boot
-- ARGV     boot
-- Returns  1 when it was, else 0
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
