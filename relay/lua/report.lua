-- A delivery report. ARGV: 1 account  2 remote id  3 code: p d r x  4 log line  5 lifetime of an early report ms
-- 6 words  7 retention ms
-- Returns {what, delivery id, number, state}; what: early, same, changed.
local now = now_ms()
local bound = redis.call('GET', P .. 'remote:' .. ARGV[1] .. ':' .. ARGV[2])
if not bound then
  -- It may have come before the answer to our own request: kept for `finish`.
  local early = P .. 'early:' .. ARGV[1] .. ':' .. ARGV[2]
  if redis.call('LLEN', early) < 20 then redis.call('RPUSH', early, ARGV[3] .. ARGV[4]) end
  redis.call('PEXPIRE', early, ARGV[5])
  return { 'early', '', '0', '' }
end
local did, part = string.match(bound, '^(%S+) (%d+)$')
local key = P .. 'd:' .. did
local d = redis.call('HMGET', key, 'ps', 's', 'done', 'n')
if not d[1] then return { 'same', did, '0', '' } end
local parts = reported(did, d[1], tonumber(part), ARGV[3], ARGV[4])
if parts == d[1] then return { 'same', did, d[4], d[2] } end
redis.call('HSET', key, 'ps', parts)
if not d[3] then return { 'changed', did, d[4], d[2] } end
local state = standing(parts)
if state == d[2] then return { 'same', did, d[4], d[2] } end
redis.call('HSET', key, 's', state)
if state == 'failed' then
  local m = P .. 'm:' .. message_of(did)
  redis.call('PERSIST', key)
  redis.call('PERSIST', m)
  redis.call('HINCRBY', m, 'open', 1)
  bury(did, now, 'reported', ARGV[6])
end
return { 'changed', did, d[4], state }
