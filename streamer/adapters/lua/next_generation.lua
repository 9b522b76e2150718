-- In bucket 0: the number of a configuration; told again and again by the workers that run under it.
-- Keys: config; ARGV[3] content, [4] for how many ms one stays in force after its last worker was heard
-- Reply: {number, "1" if it is new}. One that was in force before, and has been replaced by one that lives, stays replaced:
-- its worker is a restarted one of the last deployment, not a new one.
local name = 'g:' .. redis.sha1hex(ARGV[3])
local c = call('HMGET', KEYS[1], 'generation', 'content', 'alive', name)
local number = tonumber(c[1] or 0)
if c[2] == ARGV[3] then
  call('HSET', KEYS[1], 'alive', n2s(now), name, n2s(number))
  return {n2s(number), '0'}
end
if c[4] and c[3] and now - tonumber(c[3]) < tonumber(ARGV[4]) then return {c[4], '0'} end
call('HSET', KEYS[1], 'generation', n2s(number + 1), 'content', ARGV[3], 'alive', n2s(now), name, n2s(number + 1))
return {n2s(number + 1), '1'}
