-- How many sessions a claim would find. Keys read: scopes, quiet:…, again:…
-- ARGV[3] limit, then source, watermark, …; Reply: the number, at most the limit
local limit, marks, found = tonumber(ARGV[3]), {}, 0
for i = 4, #ARGV, 2 do marks[ARGV[i]] = ARGV[i + 1] end
for _, scope in ipairs(call('SMEMBERS', B .. 'scopes')) do
  found = found + call('ZCOUNT', B .. 'again:' .. scope, '-inf', n2s(now))
  found = found + call('ZCOUNT', B .. 'quiet:' .. scope, '-inf', marks[string.match(scope, '^[^|]*')] or '-1')
  if found >= limit then return limit end
end
return found
