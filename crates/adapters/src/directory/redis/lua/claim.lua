-- Gives a slot to a session, and tells of every session of the user that is displaced and not confirmed.
-- KEYS[1]  the user's hash
-- ARGV     session, slot, device, boot, since_ms, deadline_us, slots_max, displaced_max
-- Returns  {'late', 1 if the session is there all the same else 0} | {'full', 0} | {'bound', generation, told}
local session, slot, device, boot, since = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local own = find(session, slot)
local late, now_us = is_late(ARGV[6])
if late then return { 'late', own and 1 or 0 } end

-- A claim whose answer was lost: it is not a newer login for being repeated.
if own then
  move(own, boot)
  return { 'bound', string.format('%.0f', own.generation), told() }
end

local count_displaced = 0
for _ in pairs(displaced) do count_displaced = count_displaced + 1 end
if count_displaced >= tonumber(ARGV[8]) then return { 'full', 0 } end

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
