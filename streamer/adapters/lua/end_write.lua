-- Completes a claim, or drops its intent alone. Keys: s:<key>, :m (read), :r, :i, :l, :c, tap, sessions, sweep, quiet:…,
-- again:…, scopes
-- ARGV[3] key, [4] token, [5] flags (letters: D doubtful, B begun, C crowded, M first trace missing, L looking, R retracted),
-- [6] version judged, [7] look again in ms or "", [8] reason or "", [9] turns and [10] bytes that it closed
-- with, [11] [12] where it may be full next, [13] entries, [14] rows, [15] placed, [16] what is said of entries, then
-- judge, entry (JSON) × entries; assessment id, <trace>|<judge> × rows; judge × placed
-- Reply: 1 if it completed
local s = load(ARGV[3])
if not s then return 0 end
local flags, key = ARGV[5], skey(s.key)
local function is(flag) return string.find(flags, flag, 1, true) ~= nil end
local entries, rows, at = {}, {}, 17
for i = at, at + 2 * ARGV[13] - 1 do entries[#entries + 1] = ARGV[i] end
at = at + 2 * ARGV[13]
for i = at, at + 2 * ARGV[14] - 1 do rows[#rows + 1] = ARGV[i] end
at = at + 2 * ARGV[14]
local placed = {}
for i = at, at + ARGV[15] - 1 do placed[ARGV[i]] = true end

if not is('D') then call('HDEL', key .. ':i', ARGV[4]) end
if s.token ~= tonumber(ARGV[4]) or ARGV[8] == '' then
  if is('B') then
    hset_all(key .. ':r', rows)
    call('HSET', key, 'mend', '1')
    if s.lease <= now and not call('ZSCORE', B .. 'quiet:' .. s.scope, s.key) then move(s, 'again', now) end
  end
  log_end(s, ARGV[4], 'refused', '', '')
  tap(s, 'refused', 'token', ARGV[4])
  return 0
end

s.judged = math.max(s.judged, tonumber(ARGV[6]))
call('HSET', key, 'lease', '0', 'settled', n2s(s.token), 'reason', ARGV[8], 'judged', n2s(s.judged))
s.interim = INTERIM[ARGV[8]]
hset_all(key .. ':l', entries)
if L.max_turns > 0 or L.max_bytes > 0 then call('HSET', key, 'closed_turns', ARGV[9], 'closed_bytes', ARGV[10]) end
s.full = nil
look(s, ARGV[11], ARGV[12])
log_end(s, ARGV[4], 'completed', ARGV[8], ARGV[16])
tap(s, 'completed', 'token', ARGV[4], 'reason', ARGV[8], 'version', ARGV[6], 'judges', ARGV[16])
if is('M') or is('L') then
  if not s.missing or s.missing == 0 then call('HSET', key, 'missing', n2s(now)) end
else
  call('HDEL', key, 'missing')
end
local crowded = age_intents(s.key, '') > 0 or is('C')
if not crowded then
  local mine, gone = {}, {}
  for i = 1, #rows, 2 do mine[rows[i]] = true end
  local all = call('HGETALL', key .. ':r')
  for i = 1, #all, 2 do
    local judge = string.sub(all[i + 1], string.find(all[i + 1], '|', 1, true) + 1)
    if not mine[all[i]] and (is('R') or placed[judge]) then gone[#gone + 1] = all[i] end
  end
  hdel_all(key .. ':r', gone)
  if is('R') then call('HDEL', key, 'wipe') end
end
call('ZADD', B .. 'sessions', n2s(now), s.key)

if s.version > s.judged then
  s.opened = s.activity
  call('HSET', key, 'opened', n2s(s.opened))
  move_to_quiet(s)
  return 1
end
call('HDEL', key, 'opened', 'mend')
local next_at = ARGV[7] ~= '' and now + tonumber(ARGV[7]) or nil
if crowded or (is('L') and s.looks < L.looks_max) then
  s.looks = s.looks + 1
  call('HSET', key, 'looks', n2s(s.looks))
  local look_at = now + L.look * 2 ^ math.min(s.looks - 1, 4)
  move(s, 'again', next_at and math.min(look_at, next_at) or look_at)
elseif next_at then
  move(s, 'again', next_at)
elseif s.interim then
  call('HDEL', key, 'looks')
  s.opened = nil
  move_to_quiet(s)
else
  call('HDEL', key, 'looks')
  move(s, nil)
  call('ZADD', B .. 'sweep', n2s(now + L.late), s.key)
end
return 1
