-- Drops a trace of a session that was forgotten. Key: t:<scope>|<trace>; ARGV[3] scope|trace, [4] the session's id, [5] the
-- version that it was told last. It stays if it came again since, was erased, or another session may have it
local key = B .. 't:' .. ARGV[3]
local t = call('HMGET', key, 'v', 'o', 'c', 'z')
if tonumber(t[1] or -1) ~= tonumber(ARGV[5]) or t[4] then return 0 end
if t[2] and t[2] ~= ARGV[4] then return 0 end
for _, id in ipairs(t[3] and t[3] ~= '' and cmsgpack.unpack(t[3]) or {}) do
  if id ~= ARGV[4] then return 0 end
end
return call('UNLINK', key)
