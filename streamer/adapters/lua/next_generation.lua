-- In bucket 0: the number of a configuration. Keys: config; ARGV[3] content
-- Reply: the number in force if it stands for the same content, else the next one, which is taken by this call
local content = call('HGET', KEYS[1], 'content')
local number = tonumber(call('HGET', KEYS[1], 'generation') or 0)
if content == ARGV[3] then return n2s(number) end
call('HSET', KEYS[1], 'generation', n2s(number + 1), 'content', ARGV[3])
return n2s(number + 1)
