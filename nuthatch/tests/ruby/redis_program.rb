# A program as users write them, with Ruby's redis and its defaults.
#
#     ruby redis_program.rb PORT
#
# Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.

require "redis"

def same(got, wanted, what)
  abort "#{what}: got #{got.inspect[0, 300]}, wanted #{wanted.inspect[0, 300]}" unless got == wanted
end

r = Redis.new(host: "127.0.0.1", port: ARGV[0].to_i)
same(r.flushdb, "OK", "flushdb")
same(r.ping, "PONG", "ping")
same(r.set("greeting", "grüße"), "OK", "set")
same(r.get("greeting").force_encoding("UTF-8"), "grüße", "get")
same(r.set("greeting", "x", nx: true), false, "set with nx")
same(r.setex("soon", 100, "x"), "OK", "setex")
same(r.incrby("n", 5), 5, "incrby")
many = (0...100).to_h { |n| ["many:#{n}", n.to_s] }
same(r.mapped_mset(many), "OK", "mset")
same(r.mapped_mget(*many.keys), many, "mget")
same(r.exists(*many.keys), 100, "exists")
same(r.dbsize, 103, "dbsize")
same(r.keys("many:*").size, 100, "keys")
same(r.unlink("many:0", "many:1"), 2, "unlink")

same(r.hset("h", "a" => 1, "b" => 2), 2, "hset")
same(r.hgetall("h"), { "a" => "1", "b" => "2" }, "hgetall")
same(r.rpush("l", %w[1 2 3]), 3, "rpush")
same(r.lrange("l", 0, -1), %w[1 2 3], "lrange")
same(r.zadd("z", [[1, "one"], [2.5, "two"]]), 2, "zadd")
same(r.zrange("z", 0, -1, with_scores: true), [["one", 1.0], ["two", 2.5]], "zrange")

answers = r.pipelined do |pipe|
  pipe.set("p", 1)
  pipe.incr("p")
  pipe.get("p")
end
same(answers, ["OK", 2, "2"], "pipelined")

same(r.scan_each(match: "many:*", count: 10).to_a.uniq.size, 98, "scan_each")
same(r.hscan_each("h").to_a, [%w[a 1], %w[b 2]], "hscan_each")

sha = r.script(:load, "return redis.call('INCRBY', KEYS[1], redis.call('GET', KEYS[1]))")
20.times do |n|
  r.set("d:#{n}", 4)
  same(r.evalsha(sha, ["d:#{n}"]), 8, "evalsha")
end

other = Redis.new(host: "127.0.0.1", port: ARGV[0].to_i, db: 3)
same(other.get("greeting"), nil, "another database")
same(other.info["role"], "master", "info")
other.close
r.quit
puts "done"
