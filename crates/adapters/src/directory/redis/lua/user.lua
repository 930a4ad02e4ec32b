-- What the scripts on one user's slots share; it stands before each of them.
-- KEYS[1]  the user's hash: "slot:SLOT" -> holder; "displaced:SESSION" -> holder SLOT; "latest" -> the latest generation
-- ARGV     those of the script that follows
-- A holder is "SESSION DEVICE BOOT GENERATION SINCE_MS". Generations stay below 2^53, so Lua's numbers hold them exactly.
-- Where somebody is displaced, somebody is bound; so a user without bindings has no key.
local bound, displaced, latest = {}, {}, 0
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  local field, value = flat[i], flat[i + 1]
  if field == 'latest' then
    latest = tonumber(value) or 0
  else
    local session, device, boot, generation, since, slot = string.match(value, '^(%S+) (%S+) (%S+) (%d+) (%d+) ?(.*)$')
    local holder = { session = session, device = device, boot = boot, generation = tonumber(generation), since = since, slot = slot }
    -- What cannot be read is nobody's.
    if session and string.sub(field, 1, 5) == 'slot:' then
      holder.slot = string.sub(field, 6)
      bound[holder.slot] = holder
    elseif session and field == 'displaced:' .. session then
      displaced[session] = holder
    end
  end
end

local function text(holder)
  return table.concat({ holder.session, holder.device, holder.boot, string.format('%.0f', holder.generation), holder.since }, ' ')
end

local function write_bound(holder)
  bound[holder.slot] = holder
  redis.call('HSET', KEYS[1], 'slot:' .. holder.slot, text(holder))
end

local function write_displaced(holder)
  displaced[holder.session] = holder
  redis.call('HSET', KEYS[1], 'displaced:' .. holder.session, text(holder) .. ' ' .. holder.slot)
end

local function find(session, slot)
  if displaced[session] then return displaced[session] end
  if bound[slot] and bound[slot].session == session then return bound[slot] end
end

local function move(holder, boot)
  holder.boot = boot
  if displaced[holder.session] then write_displaced(holder) else write_bound(holder) end
end

local function confirm(session)
  displaced[session] = nil
  redis.call('HDEL', KEYS[1], 'displaced:' .. session)
end

local function bind(holder)
  if bound[holder.slot] then write_displaced(bound[holder.slot]) end
  if holder.generation > latest then
    latest = holder.generation
    redis.call('HSET', KEYS[1], 'latest', string.format('%.0f', latest))
  end
  write_bound(holder)
end

local function newest(holders, is_wanted)
  local found
  for _, holder in pairs(holders) do
    if is_wanted(holder) and (not found or holder.generation > found.generation) then found = holder end
  end
  return found
end

local function anybody() return true end

-- The slot goes back to the newest displaced session that held it; else the newest whose own slot the limit took gets that back.
local function vacate(slot)
  bound[slot] = nil
  redis.call('HDEL', KEYS[1], 'slot:' .. slot)
  local heir = newest(displaced, function(holder) return holder.slot == slot end)
    or newest(displaced, function(holder) return not bound[holder.slot] end)
  if heir then
    confirm(heir.session)
    write_bound(heir)
  end
  if not next(bound) then redis.call('DEL', KEYS[1]) end
end

local function is_late(deadline_us)
  local time = redis.call('TIME')
  local now_us = time[1] * 1000000 + time[2]
  return now_us > tonumber(deadline_us), now_us
end

local function count_bound()
  local count = 0
  for _ in pairs(bound) do count = count + 1 end
  return count
end

local function newest_boot()
  local holder = newest(bound, anybody)
  return holder and holder.boot or ''
end

-- Each displaced session as "SESSION BOOT GENERATION SLOT".
local function told()
  local list = {}
  for _, holder in pairs(displaced) do
    list[#list + 1] = table.concat({ holder.session, holder.boot, string.format('%.0f', holder.generation), holder.slot }, ' ')
  end
  return list
end
