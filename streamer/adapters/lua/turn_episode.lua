-- Sets an episode and owes channels its notice, unless somebody else has changed it. KEYS[1] = P:{alerts}:, what these keys begin
-- with: slots (hash), episodes (hash), open (set), out:<channel> (hash), order:<channel> and due:<channel> (sorted sets)
-- ARGV: now in ms or "0", slot, slot looked at, new slot, episode id, episode looked at, new episode, "1" if it is open,
-- then channel, delivery id, delivery, …
-- Reply: 1, or 0 where nothing was done
local call, format, t, P = redis.call, string.format, redis.call('TIME'), KEYS[1]
local now = tonumber(ARGV[1])
if now == 0 then now = t[1] * 1000 + math.floor(t[2] / 1000) end
if (call('HGET', P .. 'slots', ARGV[2]) or '') ~= ARGV[3] then return 0 end
if ARGV[6] ~= '' and call('HGET', P .. 'episodes', ARGV[5]) ~= ARGV[6] then return 0 end
call('HSET', P .. 'slots', ARGV[2], ARGV[4])
if ARGV[7] ~= '' then
  call('HSET', P .. 'episodes', ARGV[5], ARGV[7])
  call(ARGV[8] == '1' and 'SADD' or 'SREM', P .. 'open', ARGV[5])
end
for i = 9, #ARGV, 3 do
  local channel, id, row = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local seq = string.match(row, '^%d+')
  call('HSET', P .. 'out:' .. channel, id, row)
  call('ZADD', P .. 'order:' .. channel, 0, format('%s|%020.0f|%s', ARGV[5], seq, id))
  -- The oldest of the episode stands in `due`, since when it waits; a later one waits for it.
  call('ZADD', P .. 'due:' .. channel, 'NX', format('%.3f', math.min(now, seq / 1000)), ARGV[5])
end
return 1
