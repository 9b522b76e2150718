-- In every bucket: a configuration in force. Keys: config; ARGV[3] number, [4] content
-- A smaller number than the one there changes nothing: of two deployments at once the later one wins in all buckets.
if tonumber(call('HGET', KEYS[1], 'generation') or 0) <= tonumber(ARGV[3]) then
  call('HSET', KEYS[1], 'generation', ARGV[3], 'content', ARGV[4])
end
return 1
