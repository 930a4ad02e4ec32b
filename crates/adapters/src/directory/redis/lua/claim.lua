-- Gives a slot to a session, and tells of every session of the user that is displaced and not confirmed.
-- KEYS[1]  the user's hash
-- ARGV     session, slot, device, boot, since_ms, deadline_us, slots_max, displaced_max
-- Returns  {'late'} | {'full'} | {'bound', generation, told}
local session, slot, device, boot, since = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local late, now_us = is_late(ARGV[6])
if late then return { 'late' } end

-- A claim whose answer was lost: it is not a newer login for being repeated.
local own = displaced[session]
if own then
  own.boot = boot
  write_displaced(own)
  return { 'bound', string.format('%.0f', own.generation), told() }
end
own = bound[slot]
if own and own.session == session then
  own.boot = boot
  write_bound(own)
  return { 'bound', string.format('%.0f', own.generation), told() }
end

local count_displaced = 0
for _ in pairs(displaced) do count_displaced = count_displaced + 1 end
if count_displaced >= tonumber(ARGV[8]) then return { 'full' } end

local generation = math.max(latest + 1, now_us)
bind({ session = session, device = device, boot = boot, generation = generation, since = since, slot = slot })
local slots_max = math.max(tonumber(ARGV[7]), 1)
for _ = 1, count_bound() - slots_max do
  local oldest
  for _, holder in pairs(bound) do
    if not oldest or holder.generation < oldest.generation then oldest = holder end
  end
  bound[oldest.slot] = nil
  redis.call('HDEL', KEYS[1], 'slot:' .. oldest.slot)
  write_displaced(oldest)
end
return { 'bound', string.format('%.0f', generation), told() }
