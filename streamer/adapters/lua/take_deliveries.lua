-- Leases what is due to a channel: of each episode the oldest, so that no resolve overtakes its raise.
-- KEYS[1] = P:{alerts}:; keys out:<channel> (hash: delivery id → seq|due|lease|attempts|episode|notice), order:<channel> (sorted set
-- by name: episode|seq|delivery id), due:<channel> (sorted set: episode by when its oldest may be taken), rate:<channel>
-- ARGV: now in ms or "0", channel, limit, most per minute, lease in ms
-- Reply: per delivery id, lease, attempts, notice
local call, format, t = redis.call, string.format, redis.call('TIME')
local now = tonumber(ARGV[1])
if now == 0 then now = t[1] * 1000 + math.floor(t[2] / 1000) end
local P, channel = KEYS[1], ARGV[2]
local out, order, due, rate = P .. 'out:' .. channel, P .. 'order:' .. channel, P .. 'due:' .. channel, P .. 'rate:' .. channel
local PARTS = '^(%d+)|(%d+)|(%d+)|(%d+)|([^|]*)|(.*)$'
if call('ZCARD', order) ~= call('HLEN', out) then -- owed by a streamer that knew no index
  call('UNLINK', order, due)
  local all = call('HGETALL', out)
  for i = 1, #all, 2 do
    local seq, again, lease, _, episode = string.match(all[i + 1], PARTS)
    call('ZADD', order, 0, format('%s|%020.0f|%s', episode, seq, all[i]))
    call('ZADD', due, 'GT', format('%.0f', math.max(again, lease)), episode)
  end
end
local sent, reply = tonumber(call('GET', rate) or 0), {}
local room = math.min(tonumber(ARGV[3]), tonumber(ARGV[4]) - sent)
if room <= 0 then return reply end
for _, episode in ipairs(call('ZRANGEBYSCORE', due, '-inf', format('%.0f', now), 'LIMIT', 0, room)) do
  local oldest = call('ZRANGE', order, '[' .. episode .. '|', '(' .. episode .. '}', 'BYLEX', 'LIMIT', 0, 1)[1]
  local id = string.match(oldest or '', '^[^|]*|%d+|(.*)$')
  local row = id and call('HGET', out, id)
  if not row then -- an earlier streamer, beside this one, has taken it
    call('UNLINK', order)
    return reply
  end
  local seq, again, _, attempts, _, notice = string.match(row, PARTS)
  local lease = format('%.0f', now + ARGV[5])
  call('HSET', out, id, format('%s|%s|%s|%s|%s|%s', seq, again, lease, attempts, episode, notice))
  call('ZADD', due, lease, episode)
  if call('INCRBY', rate, 1) == 1 then call('PEXPIRE', rate, 60000) end
  for _, part in ipairs({id, lease, attempts, notice}) do reply[#reply + 1] = part end
end
return reply
