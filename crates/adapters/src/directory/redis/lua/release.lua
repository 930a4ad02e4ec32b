-- Takes a session out of its slot if it holds it, and off the displaced. Does nothing to another's binding.
-- KEYS[1]  the user's hash
-- ARGV     session, slot
-- Returns  {1 if it held the slot else 0, bindings that remain, the boot that it had or '', the boot of the newest binding or ''}
local session, slot = ARGV[1], ARGV[2]
local own, held = displaced[session], 0
if own then confirm(session) end
if bound[slot] and bound[slot].session == session then
  own, held = bound[slot], 1
  vacate(slot)
end
return { held, count_bound(), own and own.boot or '', newest_boot() }
