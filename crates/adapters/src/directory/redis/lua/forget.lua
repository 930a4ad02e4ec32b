-- Removes what is left of a session of a dead boot, if both session and boot are as given.
-- KEYS[1]  the user's hash
-- ARGV     session, boot
-- Returns  {1 if it was bound else 0, bindings that remain, the boot of the newest binding or ''}
local session, boot = ARGV[1], ARGV[2]
local was_bound = 0
if displaced[session] and displaced[session].boot == boot then confirm(session) end
local held = newest(bound, function(holder) return holder.session == session and holder.boot == boot end)
if held then
  was_bound = 1
  vacate(held.slot)
end
return { was_bound, count_bound(), newest_boot() }
