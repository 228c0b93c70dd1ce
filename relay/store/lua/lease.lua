-- Takes or renews a lease on something only one process may do at a time. ARGV: 1 what  2 holder  3 for how long, ms.
-- Returns 1, or 0 while somebody else has it.
local key = P .. 'held:' .. ARGV[1]
local by = call('GET', key)
if by and by ~= ARGV[2] then return 0 end
call('SET', key, ARGV[2], 'PX', ARGV[3])
return 1
