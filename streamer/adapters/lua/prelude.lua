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
                 'traces_max', 'max_turns', 'max_bytes', 'settle_max'}
  local i = 1
  for n in string.gmatch(ARGV[2], '%d+') do L[names[i]] = tonumber(n); i = i + 1 end
end
local function skey(key) return B .. 's:' .. key end
local function num(v) return v and tonumber(v) or nil end
-- A session's fields by name, numbers where they are numbers; nil if there is no such session.
local FIELDS = {'source', 'tenant', 'id', 'version', 'judged', 'activity', 'opened', 'ended', 'gap', 'token', 'settled',
                'lease', 'looks', 'missing', 'mend', 'shared', 'settle', 'age', 'wipe', 'span_bytes', 'look_traces', 'look_bytes',
                'full', 'closed_turns', 'closed_bytes', 'handed', 'reason'}
local INTERIM = {max_age = true, max_turns = true, max_bytes = true}
local function load(key)
  local v = call('HMGET', skey(key), unpack(FIELDS))
  if not v[1] then return nil end
  local s = {key = key, source = v[1], tenant = v[2], id = v[3], scope = v[1] .. '|' .. v[2]}
  for i = 4, #FIELDS - 1 do s[FIELDS[i]] = num(v[i]) end
  for _, name in ipairs({'version', 'judged', 'activity', 'token', 'settled', 'lease', 'looks', 'span_bytes'}) do
    s[name] = s[name] or 0
  end
  s.interim = INTERIM[v[#FIELDS]]
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
  if s.full then at = math.min(at, s.full) end
  move(s, 'quiet', at)
  return at
end
-- Whether a session may be full: a claim counts. `traces`: how many members it has.
local function fill(s, traces)
  local function reached(count, look, most) return most > 0 and look ~= 0 and count >= (look or most) end
  local full = reached(traces, s.look_traces, L.max_turns) or reached(s.span_bytes, s.look_bytes, L.max_bytes)
  s.full = full and (s.full or s.activity) or nil
end
local function save_full(s)
  if s.full then call('HSET', skey(s.key), 'full', n2s(s.full)) else call('HDEL', skey(s.key), 'full') end
end
-- What a claim has counted: where it wants to look next.
local function look(s, traces, bytes)
  if L.max_turns == 0 and L.max_bytes == 0 then return end
  s.look_traces, s.look_bytes = tonumber(traces), tonumber(bytes)
  call('HSET', skey(s.key), 'look_traces', traces, 'look_bytes', bytes)
  fill(s, call('HLEN', skey(s.key) .. ':m'))
  save_full(s)
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
-- The log s:<key>:c: what became of the last claims, a msgpack map each, the oldest first (core/claim_log.py has the names).
local CLAIMS_KEPT = 20
local function log_claim(s, note)
  local log = skey(s.key) .. ':c'
  if call('RPUSH', log, cmsgpack.pack(note)) > CLAIMS_KEPT then call('LTRIM', log, -CLAIMS_KEPT, -1) end
end
local function log_edit(s, token, edit)
  local log = skey(s.key) .. ':c'
  local all = call('LRANGE', log, 0, -1)
  for i = #all, 1, -1 do
    local note = cmsgpack.unpack(all[i])
    if note.t == tonumber(token) then
      edit(note, log, i == #all and all[i - 1])
      call('LSET', log, -1 - (#all - i), cmsgpack.pack(note))
      return
    end
  end
end
-- How a claim ended. One that only repeats the one before it takes its place, and counts it.
local function log_end(s, token, ending, reason, said)
  log_edit(s, token, function(note, log, raw)
    local before = raw and cmsgpack.unpack(raw)
    note.e, note.r, note.d, note.z = ending, reason, said, now
    if before and before.e == ending and before.r == reason and before.d == said and before.v == note.v
       and not (note.k or note.u or note.x or before.k or before.u) then
      note.n, note.f = (before.n or 1) + 1, before.f or before.at
      call('LREM', log, -1, raw)
    end
  end)
end
-- One line for whoever listens (streamer tap): only then is it written, and it is soon gone.
local listened
local function tap(s, what, ...)
  if listened == nil then listened = call('EXISTS', B .. 'tap:on') == 1 end
  if not listened then return end
  call('XADD', B .. 'tap', 'MAXLEN', '~', '1000', '*', 'at', n2s(now), 'what', what, 'key', s.key, 'source', s.source,
       'tenant', s.tenant, 'session', s.id, ...)
  call('PEXPIRE', B .. 'tap', '60000')
end
-- The same sentence as core/ledger.py's Entry.owes.
local function at_rest(s)
  if s.version ~= s.judged or s.interim or s.lease ~= 0 or s.mend == 1 or s.wipe == 1 then return false end
  if call('EXISTS', skey(s.key) .. ':i') == 1 then return false end
  for _, raw in ipairs(call('HVALS', skey(s.key) .. ':l')) do
    local e = cjson.decode(raw)
    if e.state == 'retrying' or e.state == 'deferred' then return false end
    if (e.state == 'judged' or e.state == 'failed') and not e.feed then return false end
    if e.state == 'judged' and not e.mlflow then return false end
  end
  return true
end
