-- Sets an episode and owes channels its notice, unless somebody else has changed it. KEYS[1] = P:{alerts}:, what these keys begin
-- with: slots (hash), episodes (hash), out:<channel> (hash)
-- ARGV: slot, slot looked at, new slot, episode id, episode looked at, new episode, then channel, delivery id, delivery, …
-- Reply: 1, or 0 where nothing was done
local call, P = redis.call, KEYS[1]
if (call('HGET', P .. 'slots', ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[5] ~= '' and call('HGET', P .. 'episodes', ARGV[4]) ~= ARGV[5] then return 0 end
call('HSET', P .. 'slots', ARGV[1], ARGV[3])
if ARGV[6] ~= '' then call('HSET', P .. 'episodes', ARGV[4], ARGV[6]) end
for i = 7, #ARGV, 3 do call('HSET', P .. 'out:' .. ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
return 1
