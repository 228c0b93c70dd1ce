-- A delivery report. ARGV: 1 account  2 remote id  3 code: p d r x  4 log line  5 lifetime of an early report ms
-- 6 words  7 retention ms
-- Returns {what, delivery id, number, state}; what: early, same, changed.
local now = now_ms()
local bound = call('GET', P .. 'remote:' .. ARGV[1] .. ':' .. ARGV[2])
if not bound then
  -- It may have come before the answer to our own request: kept for `finish`.
  local early = P .. 'early:' .. ARGV[1] .. ':' .. ARGV[2]
  if call('LLEN', early) < 20 then call('RPUSH', early, ARGV[3] .. ARGV[4]) end
  call('PEXPIRE', early, ARGV[5])
  return { 'early', '', '0', '' }
end
local did, part = string.match(bound, '^(%S+) (%d+)$')
local key = record_of(did)
local d = call('HMGET', key, 'ps', 's', 'done', 'n', 'l', 'one')
if not d[1] then return { 'same', did, '0', '' } end
local parts, log = reported(d[1], d[5], tonumber(part), ARGV[3], ARGV[4])
if log and log ~= d[5] then call('HSET', key, 'l', log) end
if parts == d[1] then return { 'same', did, d[4], d[2] } end
if not d[3] then
  call('HSET', key, 'ps', parts)
  announce('delivery', d[4] or '0', did)
  return { 'changed', did, d[4], d[2] }
end
local state = standing(parts)
call('HSET', key, 'ps', parts, 's', state)
announce('delivery', d[4] or '0', did)
if state == d[2] then return { 'same', did, d[4], d[2] } end
if state == 'failed' then
  local m = P .. 'm:' .. message_of(did)
  call('PERSIST', key)
  call('PERSIST', m)
  -- The message's only delivery was not taken off when it ended; see `finish`.
  if d[6] then call('HSET', m, 'open', 1) else call('HINCRBY', m, 'open', 1) end
  to_dead_letters(did, now, 'reported', ARGV[6])
  give_back(did, ARGV[1], log, true)
end
return { 'changed', did, d[4], state }
