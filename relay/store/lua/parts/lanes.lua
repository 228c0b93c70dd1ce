-- Everything a worker needs to send the head of a lane; nil when the lane is empty. A head whose records are gone
-- (somebody else's FLUSH, a restored backup) is passed over. `did` is the head where it is known, false where none is.
local function head(dest, n, did)
  local lane = lane_key(dest, n)
  if did == nil then did = call('LINDEX', lane, 0) end
  while did do
    local record, message = record_of(did), P .. 'm:' .. message_of(did)
    local d, m
    if record == message then
      m = call('HMGET', message, 'k', 'o', 'e', 'at', 's', 't', 'p', 'l')
      d = { m[5], m[6], m[7], m[8] }
    else
      d = call('HMGET', record, 's', 't', 'p', 'l')
      m = call('HMGET', message, 'k', 'o', 'e', 'at')
    end
    if d[1] and m[3] then
      local c = call('HMGET', P .. 'contact:' .. n, 'ch', 'id', 'user', 'name')
      return { did, d[2] or '0', d[3] or '0', m[1], m[2], m[3], m[4], c[1] or '', c[2] or '', c[3] or '', c[4] or '',
        d[4] and '1' or '0' }
    end
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
