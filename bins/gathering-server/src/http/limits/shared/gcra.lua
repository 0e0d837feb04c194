-- One request against one limit (GCRA), by the clock of this server, in whole microseconds.
-- KEYS[1]: when all of the limit is free again. ARGV: the microseconds that one request takes up, and how many requests go at once.
-- Answers whether it is allowed (1 or 0), how long to wait where it is not, and how many are left.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local each, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = each * burst
local stored = tonumber(redis.call('GET', KEYS[1]) or now)
-- A clock that was set back must keep nobody out for longer than the limit's own time.
local free = math.min(math.max(stored, now), now + full)
local wait = free + each - full - now
local allowed = wait <= 0
if allowed then
    free = free + each
end
if free ~= stored then
    -- Lua would write a number of this size with fewer digits than it has. Nobody needs the key once all is free.
    redis.call('SET', KEYS[1], string.format('%.0f', free), 'PX', math.ceil((free - now) / 1000))
end
if allowed then
    return {1, 0, math.floor((now + full - free) / each)}
end
return {0, wait, 0}
