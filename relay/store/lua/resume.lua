-- A person, or the other side's own word, releases a destination; or what sleeps is to be tried now.
-- ARGV: 1 destination  2 "1": whatever holds it goes as well. Returns {how many things held it, lanes that were woken}.
local dest, held = ARGV[1], 0
local at = P .. 'dest:' .. dest
if ARGV[2] == '1' then
  -- A person says that the new account is meant.
  if call('HGET', at, 'paused') == 'other_account' then call('HDEL', P .. 'identity', dest) end
  held = call('HDEL', at, 'paused', 'open', 'probe', 'prober', 'pause')
  call('HDEL', at, 'words', 'since', 'fails')
  call('DEL', P .. 'failing:' .. dest, P .. 'transient:' .. dest)
  if held > 0 then announce('destination', '0', dest) end
end
local woken = wake_sleeping(dest, call('ZRANGE', P .. 'lanes:' .. dest, 0, -1), now_ms())
call('PUBLISH', P .. 'bell', dest)
return { held, woken }
