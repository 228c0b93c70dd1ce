-- Sends a dead letter again, as a new delivery that names the old one. ARGV: 1 delivery id  2 other destination or ""
-- 3 retention ms  4 who asked. Returns {new delivery id, destination}, {} when it is no dead letter, {"", reason} when it
-- must not be sent again: the comment it answers has another answer by now.
local now, old = now_ms(), ARGV[1]
if not call('ZSCORE', P .. 'dead', old) then return {} end
local mid = message_of(old)
local d = call('HMGET', record_of(old), 'to', 'n', 'p', 'done', 'ps', 'pp')
local m = P .. 'm:' .. mid
local dest = ARGV[2] ~= '' and ARGV[2] or d[1]
if not take_again(old, dest, ARGV[3]) then return { '', 'comment_already_answered' } end
call('ZREM', P .. 'dead', old)
local was = call('HMGET', m, 'd', 's')
local dests = was[1] .. ' ' .. dest
local _, count = string.gsub(dests, '%S+', '')
local new = mid .. '-' .. (was[2] and count - 1 or count)
call('HSET', m, 'd', dests)
call('HINCRBY', m, 'open', 1)
call('HSET', P .. 'd:' .. new, 'to', dest, 's', 'queued', 'n', d[2], 're', old, 'by', ARGV[4])
-- Parts that were accepted before it died are not sent a second time to the same destination, unless one was reported
-- not to have arrived: then from that one on.
if dest == d[1] and d[3] and not d[4] then
  local failed = string.find(d[5] or '', 'x', 1, true)
  local p = failed and failed - 1 or tonumber(d[3])
  if p > 0 then call('HSET', P .. 'd:' .. new, 'p', p, 'ps', string.rep('a', p), 'pp', d[6] or '') end
end
call('HSET', record_of(old), 'replayed', new)
retire(old, ARGV[3])
call('RPUSH', lane_key(dest, d[2]), new)
arm(dest, d[2], now)
announce('delivery', d[2] or '0', new)
call('PUBLISH', P .. 'bell', dest)
return { new, dest }
