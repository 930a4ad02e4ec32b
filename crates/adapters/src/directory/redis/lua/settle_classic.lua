-- Writes or deletes the older Java service's key of a user, if it holds what is expected.
-- KEYS[1]  the Java service's key: the name of the user's node
-- ARGV     'anything' | 'nothing' | 'node', the node that is expected or '', the node to write or '' to delete
-- Returns  1 when it was as expected, else 0
local held = redis.call('GET', KEYS[1])
if ARGV[1] == 'nothing' and held then return 0 end
if ARGV[1] == 'node' and held ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('DEL', KEYS[1])
elseif held ~= ARGV[3] then
  redis.call('SET', KEYS[1], ARGV[3])
end
return 1
