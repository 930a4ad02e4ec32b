-- Writes a binding again with its own generation; also tells whether it still stands.
-- KEYS[1]  the user's hash
-- ARGV     session, slot, device, boot, since_ms, deadline_us, generation
-- Returns  {'late'} | {'superseded', 1 if the session is kept as displaced else 0} | {'stands', told} | {'written', told}
local session, slot, device, boot, since = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if is_late(ARGV[6]) then return { 'late' } end

-- One that was displaced still has to be told so, and where it is now.
local own = find(session, slot)
if own then
  move(own, boot)
  if displaced[session] then return { 'superseded', 1 } end
  return { 'stands', told() }
end
local generation = tonumber(ARGV[7])
if bound[slot] and bound[slot].generation >= generation then return { 'superseded', 0 } end
bind({ session = session, device = device, boot = boot, generation = generation, since = since, slot = slot })
return { 'written', told() }
