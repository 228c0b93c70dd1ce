-- What cannot be read is not dropped in silence: a person sees it among the dead letters.
local function unreadable(did, dest, n, record, message, m)
  local now = now_ms()
  call('HSET', record, 'to', dest, 'n', n, 's', 'failed', 'reason', 'unreadable', 'words',
    'Its record in the store cannot be read by this version, or is gone.', 'dead', now)
  if not m[3] then call('HSET', message, 'k', m[1] or 'notice', 'o', m[2] or '', 'n', n, 'at', m[4] or now, 'e', '{"text":""}') end
  call('PERSIST', record)
  call('PERSIST', message)
  call('ZADD', P .. 'dead', now, did)
end

-- Everything a worker needs to send the head of a lane; nil when the lane is empty. A head whose records are gone
-- (somebody else's FLUSH, a restored backup, a layout this version cannot read) becomes a dead letter. `did` is the head where it is known, false where none is.
local function head(dest, n, did)
  local lane = lane_key(dest, n)
  if did == nil then did = call('LINDEX', lane, 0) end
  while did do
    local record, message = record_of(did), P .. 'm:' .. message_of(did)
    local d, m
    if record == message then
      m = call('HMGET', message, 'k', 'o', 'e', 'at', 's', 't', 'p', 'l', 'pp')
      d = { m[5], m[6], m[7], m[8], m[9] }
    else
      d = call('HMGET', record, 's', 't', 'p', 'l', 'pp')
      m = call('HMGET', message, 'k', 'o', 'e', 'at')
    end
    if d[1] and m[3] then
      local c = call('HMGET', P .. 'contact:' .. n, 'ch', 'id', 'user', 'name')
      return { did, d[2] or '0', d[3] or '0', m[1], m[2], m[3], m[4], c[1] or '', c[2] or '', c[3] or '', c[4] or '',
        d[4] and '1' or '0', d[5] or '' }
    end
    unreadable(did, dest, n, record, message, m)
    call('LPOP', lane)
    did = call('LINDEX', lane, 0)
  end
  return nil
end

-- The lane is at its end: it, its job, lock and place in the index go.
local function close_lane(dest, n, job)
  call('ZREM', queue_key(dest), job)
  call('DEL', lane_key(dest, n), lock_key(dest, n), 'arq:job:' .. job)
  call('ZREM', P .. 'lanes:' .. dest, n)
end
