-- Takes an amount from all buckets, or from none. KEYS: the buckets.
-- ARGV: the amount, which is negative to give back; then, for each bucket, what it holds and what it gets a second.
-- Answers, for each bucket: how many milliseconds until it has the amount, and what it holds now.
local amount = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local buckets, answer, enough = {}, {}, true

for i, key in ipairs(KEYS) do
    local capacity, rate = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
    local stored = redis.call('HMGET', key, 'level', 'at')
    local level, at = tonumber(stored[1]) or capacity, tonumber(stored[2]) or now
    level = math.min(capacity, level + math.max(0, now - at) * rate / 1000)
    enough = enough and level >= amount
    buckets[i] = { key = key, capacity = capacity, rate = rate, level = level }
end

for i, bucket in ipairs(buckets) do
    local wait = math.max(0, amount - bucket.level) / bucket.rate * 1000
    if enough then
        bucket.level = math.min(bucket.capacity, bucket.level - amount)
        redis.call('HSET', bucket.key, 'level', bucket.level, 'at', now)
        -- A bucket that is full again is the same as none.
        redis.call('PEXPIRE', bucket.key, math.ceil((bucket.capacity - bucket.level) / bucket.rate * 1000) + 1000)
    end
    answer[2 * i - 1], answer[2 * i] = math.ceil(wait), math.floor(bucket.level)
end
return answer
