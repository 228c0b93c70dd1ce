-- Closes a conversation; it opens again when somebody writes. ARGV: 1 number. Returns the time, ms.
local now = now_ms()
call('HSET', P .. 'contact:' .. ARGV[1], 'closed', now)
announce('conversation', ARGV[1], '')
return now
