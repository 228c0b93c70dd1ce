-- A delivery came to its end: it, and with its last delivery the message, leave after the retention.
local function retire(did, retention)
  local record, key = record_of(did), P .. 'm:' .. message_of(did)
  if record ~= key then call('PEXPIRE', record, retention) end
  if call('HINCRBY', key, 'open', -1) <= 0 then call('PEXPIRE', key, retention) end
end

-- A delivery became a dead letter: it stays until a person drops or replays it.
local function to_dead_letters(did, now, reason, words)
  call('HSET', record_of(did), 's', 'failed', 'reason', reason, 'words', words, 'dead', now)
  call('ZADD', P .. 'dead', now, did)
end
