-- Leases what is due to a channel: of each episode the oldest, so that no resolve overtakes its raise.
-- KEYS[1] = P:{alerts}:; keys out:<channel> (hash: delivery id → seq|due|lease|attempts|episode|notice), rate:<channel>
-- ARGV: now in ms or "0", channel, limit, most per minute, lease in ms
-- Reply: per delivery id, lease, attempts, notice
local call, format, t = redis.call, string.format, redis.call('TIME')
local now = tonumber(ARGV[1])
if now == 0 then now = t[1] * 1000 + math.floor(t[2] / 1000) end
local key, rate, reply = KEYS[1] .. 'out:' .. ARGV[2], KEYS[1] .. 'rate:' .. ARGV[2], {}
local all, oldest = call('HGETALL', key), {}
for i = 1, #all, 2 do
  local seq, due, lease, attempts, episode, notice = string.match(all[i + 1], '^(%d+)|(%d+)|(%d+)|(%d+)|([^|]*)|(.*)$')
  local found = {id = all[i], seq = tonumber(seq), due = tonumber(due), lease = tonumber(lease), attempts = attempts,
                 episode = episode, notice = notice}
  local before = oldest[episode]
  if not before or found.seq < before.seq then oldest[episode] = found end
end
local waiting = {}
for _, found in pairs(oldest) do
  if found.due <= now and found.lease <= now then waiting[#waiting + 1] = found end
end
table.sort(waiting, function(a, b) return a.seq < b.seq or (a.seq == b.seq and a.id < b.id) end)
local sent = tonumber(call('GET', rate) or 0)
for i = 1, math.min(#waiting, tonumber(ARGV[3]), tonumber(ARGV[4]) - sent) do
  local found, lease = waiting[i], format('%.0f', now + ARGV[5])
  call('HSET', key, found.id, format('%.0f|%.0f|%s|%s|%s|%s', found.seq, found.due, lease, found.attempts, found.episode, found.notice))
  if sent == 0 and i == 1 then call('SET', rate, 1, 'PX', 60000) else call('INCRBY', rate, 1) end
  for _, part in ipairs({found.id, lease, found.attempts, found.notice}) do reply[#reply + 1] = part end
end
return reply
