-- What every script begins with. KEYS[1] = P:{bb}:config, which routes to the bucket's primary.
-- ARGV[1] = now in ms, "0" for Redis' own clock; ARGV[2] = the durations of core/lifecycle.py; the rest is the script's.
-- Numbers leave as '%.0f': tostring() writes exponents from 10^14 on.
local B = string.sub(KEYS[1], 1, -7)
local call, format = redis.call, string.format
local function n2s(n) return format('%.0f', n) end
local now, now_us = tonumber(ARGV[1]), 0
if now == 0 then
  local t = call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
  now_us = t[1] * 1000000 + t[2]
else
  now_us = now * 1000
end
local L = {}
do
  local names = {'gap_min', 'max_age', 'settle', 'lease', 'late', 'parked', 'look', 'looks_max', 'zombie', 'return',
                 'traces_max', 'settle_max'}
  local i = 1
  for n in string.gmatch(ARGV[2], '%d+') do L[names[i]] = tonumber(n); i = i + 1 end
end
local function skey(key) return B .. 's:' .. key end
local function num(v) return v and tonumber(v) or nil end
-- A session's fields by name, numbers where they are numbers; nil if there is no such session.
local FIELDS = {'source', 'tenant', 'id', 'version', 'judged', 'activity', 'opened', 'ended', 'gap', 'token', 'settled',
                'lease', 'looks', 'missing', 'mend', 'shared', 'settle', 'age'}
local function load(key)
  local v = call('HMGET', skey(key), unpack(FIELDS))
  if not v[1] then return nil end
  local s = {key = key, source = v[1], tenant = v[2], id = v[3], scope = v[1] .. '|' .. v[2]}
  for i = 4, #FIELDS do s[FIELDS[i]] = num(v[i]) end
  for _, name in ipairs({'version', 'judged', 'activity', 'token', 'settled', 'lease', 'looks'}) do
    s[name] = s[name] or 0
  end
  return s
end
-- Exactly one index, or none.
local function move(s, index, score)
  if index ~= 'quiet' then call('ZREM', B .. 'quiet:' .. s.scope, s.key) end
  if index ~= 'again' then call('ZREM', B .. 'again:' .. s.scope, s.key) end
  if index then
    call('ZADD', B .. index .. ':' .. s.scope, n2s(score), s.key)
    call('SADD', B .. 'scopes', s.scope)
  end
end
local function indexed(s)
  return call('ZSCORE', B .. 'quiet:' .. s.scope, s.key) or call('ZSCORE', B .. 'again:' .. s.scope, s.key)
end
local function move_to_quiet(s)
  local gap, settle, age, counts = s.gap, s.settle, s.age, s.settle
  if not (gap and settle and age) then
    gap, settle, age, counts = L.gap_min, L.settle, L.max_age, math.max(L.settle, L.settle_max)
  end
  local at = s.activity + gap
  if s.ended and s.activity <= s.ended + counts then at = math.min(at, s.ended + settle) end
  if s.opened then at = math.min(at, s.opened + age) end
  move(s, 'quiet', at)
end
local function holds(s, token) return s and s.token == tonumber(token) and s.lease > now end
local function hset_all(key, flat)
  for i = 1, #flat, 200 do call('HSET', key, unpack(flat, i, math.min(i + 199, #flat))) end
end
local function hdel_all(key, names)
  for i = 1, #names, 200 do call('HDEL', key, unpack(names, i, math.min(i + 199, #names))) end
end
-- Drops intents whose holder will not write any more; the number of those left, and of those left beside `token`.
local function age_intents(key, token)
  local all, left, others = call('HGETALL', skey(key) .. ':i'), 0, 0
  for i = 1, #all, 2 do
    if now - tonumber(all[i + 1]) >= L.zombie then
      call('HDEL', skey(key) .. ':i', all[i])
    else
      left = left + 1
      if all[i] ~= token then others = others + 1 end
    end
  end
  return left, others
end
-- The same sentence as core/ledger.py's Entry.owes.
local function at_rest(s)
  if s.version ~= s.judged or s.lease ~= 0 or s.mend == 1 then return false end
  if call('EXISTS', skey(s.key) .. ':i') == 1 then return false end
  for _, raw in ipairs(call('HVALS', skey(s.key) .. ':l')) do
    local e = cjson.decode(raw)
    if e.state == 'retrying' or e.state == 'deferred' then return false end
    if (e.state == 'judged' or e.state == 'failed') and not e.feed then return false end
    if e.state == 'judged' and not e.mlflow then return false end
  end
  return true
end
