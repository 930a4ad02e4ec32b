-- Renews a lease, if it is what was written last; so a server that has forgotten something is noticed.
-- KEYS[1]  the boot's lease: "BEAT JSON"
-- ARGV     the last beat that was confirmed, the last beat that was sent, the new text, ttl_ms
-- Returns  'kept' | 'gone' | 'other'
local held = redis.call('GET', KEYS[1])
if not held then return 'gone' end
local beat = tonumber(string.match(held, '^(%d+) ') or '')
-- Between the two: an answer may have been lost after its beat was written.
if not beat or beat < tonumber(ARGV[1]) or beat > tonumber(ARGV[2]) then return 'other' end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 'kept'
