-- Removes sessions at rest that changed last `return` ago. Keys: sessions, sweep, s:<key> with :m :t :a :r :i :l :c
-- ARGV[3] how many of the oldest to pass over, [4] page; Reply: {forgotten, looked at}
local old = call('ZRANGEBYSCORE', B .. 'sessions', '-inf', n2s(now - L['return']), 'LIMIT', ARGV[3], ARGV[4])
local forgotten = 0
for _, key in ipairs(old) do
  local s = load(key)
  if not s then
    call('ZREM', B .. 'sessions', key)
  elseif at_rest(s) and not indexed(s) then
    local k = skey(key)
    call('UNLINK', k, k .. ':m', k .. ':t', k .. ':a', k .. ':r', k .. ':i', k .. ':l', k .. ':c')
    call('ZREM', B .. 'sessions', key)
    call('ZREM', B .. 'sweep', key)
    forgotten = forgotten + 1
  end
end
return {forgotten, #old}
