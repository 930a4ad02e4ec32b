-- Writes a binding again with its own generation; also tells whether it still stands.
-- KEYS[1]  the user's hash
-- ARGV     session, slot, device, boot, since_ms, deadline_us, generation
-- Returns  {'late'} | {'superseded'} | {'stands', told} | {'written', told}
local session, slot, device, boot, since = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if is_late(ARGV[6]) then return { 'late' } end

-- It still has to be told that it was displaced, and where it is now.
local own = displaced[session]
if own then
  own.boot = boot
  write_displaced(own)
  return { 'superseded' }
end
local holder = bound[slot]
local generation = tonumber(ARGV[7])
if holder and holder.session == session then
  holder.boot = boot
  write_bound(holder)
  return { 'stands', told() }
end
if holder and holder.generation >= generation then return { 'superseded' } end
bind({ session = session, device = device, boot = boot, generation = generation, since = since, slot = slot })
return { 'written', told() }
