-- Writes that a message, or a part of it, was accepted by the other side, and hands out the lane's next head, in one
-- step. Compare-and-set on the fencing token: a worker that lost its lease changes nothing (PITFALLS A11, A12).
-- ARGV: 1 destination  2 number  3 job  4 token  5 delivery id  6 verdict: ok part  7 log line
--       8 parts accepted and tries failed before this attempt, as p/t, or ""  9 go on ("1") or release ("0")
--       10 lease ms  11 retention ms  12 remote id  13 words  14 all parts of the delivery, JSON, or ""
-- Returns {status, delivery state, destination news, "", head...}; status: next, done, asleep, stale.
local dest, n, job, token, did, verdict, line, before, go_on, lease, retention, remote, words, pieces = unpack(ARGV)
if call('HGET', lock_key(dest, n), 't') ~= token then return { 'stale', '', '', '' } end
local key, at = record_of(did), P .. 'dest:' .. dest
local there = call('LRANGE', lane_key(dest, n), 0, 1)
local next_did = there[1] or false
local was = call('HMGET', key, 'p', 't', 'l', 'ps', 'r', 'one')
local now_at = call('HMGET', at, 'paused', 'open', 'fails', 'told')
local state, news = '', ''

if next_did == did and not is_written(was, before) then
  if now_at[3] then
    call('HDEL', at, 'fails', 'down', 'last')
    if now_at[4] then
      call('HDEL', at, 'told')
      news = 'recovered'
    end
    call('DEL', P .. 'failing:' .. dest)
  end
  if now_at[2] then
    call('HDEL', at, 'open', 'probe', 'pause', 'prober')
    news = 'closed'
    announce('destination', '0', dest)
    -- The destination is back: lanes asleep on their schedule need not wait for it.
    wake_sleeping(dest, call('ZRANGE', P .. 'lanes:' .. dest, 0, 9999), now_ms())
  elseif now_at[3] then
    -- So it is for lanes whose last failure was the connection's or the other side's own (5xx).
    local transient = P .. 'transient:' .. dest
    local lanes = call('SMEMBERS', transient)
    if #lanes > 0 then
      wake_sleeping(dest, lanes, now_ms())
      call('DEL', transient)
      for i = 1, #lanes, 1000 do
        call('SADD', P .. 'woken:' .. dest, unpack(lanes, i, math.min(i + 999, #lanes)))
      end
    end
  end
  if (was[2] or '0') ~= '0' then call('SREM', P .. 'woken:' .. dest, n) end
  local log, parts = noted(was[3], line), (was[4] or '') .. 'a'
  if remote ~= '' then
    call('SET', P .. 'remote:' .. dest .. ':' .. remote, did .. ' ' .. #parts, 'PX', retention)
    call('HSET', key, 'r', was[5] and (was[5] .. '\n' .. remote) or remote)
    -- Reports that came before the answer to our request.
    local early = P .. 'early:' .. dest .. ':' .. remote
    local reports = call('LRANGE', early, 0, -1)
    for _, report in ipairs(reports) do
      local code, rest = string.sub(report, 1, 1), string.sub(report, 2)
      parts, log = reported(parts, log, #parts, code, rest)
      if code == 'x' then words = cjson.decode(rest).words or words end
    end
    if #reports > 0 then call('DEL', early) end
  end
  local set = log and { 'l', log } or {}
  if verdict == 'part' then
    call('HSET', key, 'ps', parts, 'p', #parts, 't', 0, unpack(set))
    -- What is left is sent as it was cut when the first part went, whatever the settings have become since.
    if pieces ~= '' then call('HSET', key, 'pp', pieces) end
  else
    state = standing(parts)
    if n ~= '0' then announce('delivery', n, did) end
    call('HSET', key, 'ps', parts, 's', state, 'done', 1, unpack(set))
    if was[1] and state ~= 'failed' then call('HDEL', key, 'pp') end
    next_did = there[2] or false
    if next_did then call('LPOP', lane_key(dest, n)) end  -- else the lane goes as a whole
    if state == 'failed' then
      to_dead_letters(did, now_ms(), 'reported', words)
      give_back(did, dest, log, true)
    elseif was[6] then
      -- The message's only delivery: there is nothing to count down.
      local m = P .. 'm:' .. message_of(did)
      call('PEXPIRE', m, retention)
      if key ~= m then call('PEXPIRE', key, retention) end
    else
      retire(did, retention)
    end
  end
end
return continue_or_release(dest, n, job, token, head(dest, n, next_did), go_on == '1' and not now_at[1], lease, state, news, '')
