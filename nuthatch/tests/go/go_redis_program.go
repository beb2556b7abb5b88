// A program as users write them, with go-redis 5 (the version that Debian has) and its defaults.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o program go_redis_program.go
//	./program PORT
//
// Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	redis "gopkg.in/redis.v5"
)

func fail(what string, got, wanted interface{}) {
	fmt.Fprintf(os.Stderr, "%s: got %.300v, wanted %.300v\n", what, got, wanted)
	os.Exit(1)
}

func same(what string, got, wanted interface{}) {
	if fmt.Sprint(got) != fmt.Sprint(wanted) {
		fail(what, got, wanted)
	}
}

func ok(what string, err error) {
	if err != nil {
		fail(what, err, "no error")
	}
}

// The value of a call that must have no error.
func is(what string, wanted interface{}) func(got interface{}, err error) {
	return func(got interface{}, err error) {
		ok(what, err)
		same(what, got, wanted)
	}
}

func sorted(list []string, err error) (interface{}, error) {
	sort.Strings(list)
	return list, err
}

func main() {
	r := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + os.Args[1]})
	ok("flushdb", r.FlushDb().Err())
	texts(r)
	manyKeys(r)
	hashesAndLists(r)
	sets(r)
	sortedSets(r)
	pipelines(r)
	iterators(r)
	scripts(r)
	connections(r)
	transactions(r)
	ok("close", r.Close())
	fmt.Println("done")
}

func texts(r *redis.Client) {
	same("ping", r.Ping().Val(), "PONG")
	same("echo", r.Echo("a word").Val(), "a word")
	same("set", r.Set("greeting", "grüße", 0).Val(), "OK")
	same("get", r.Get("greeting").Val(), "grüße")
	same("get of nothing", r.Get("nothing").Err(), redis.Nil)
	same("setnx", r.SetNX("greeting", "x", 0).Val(), false)
	same("setxx", r.SetXX("greeting", "hello", 100*time.Second).Val(), true)
	same("ttl", r.TTL("greeting").Val() > 90*time.Second, true)
	same("pttl", r.PTTL("greeting").Val() > 90*time.Second, true)
	same("persist", r.Persist("greeting").Val(), true)
	same("expire", r.Expire("greeting", time.Minute).Val(), true)
	same("pexpire", r.PExpire("greeting", time.Minute).Val(), true)
	same("expireat", r.ExpireAt("greeting", time.Now().Add(time.Hour)).Val(), true)
	same("append", r.Append("greeting", " world").Val(), 11)
	same("strlen", r.StrLen("greeting").Val(), 11)
	same("getrange", r.GetRange("greeting", 6, 10).Val(), "world")
	same("setrange", r.SetRange("greeting", 6, "there").Val(), 11)
	same("getset", r.GetSet("greeting", "bye").Val(), "hello there")
	same("type", r.Type("greeting").Val(), "string")
	same("object encoding", r.ObjectEncoding("greeting").Val(), "embstr")
	same("restore", r.Restore("again", 0, r.Dump("greeting").Val()).Val(), "OK")
	same("get of a restored key", r.Get("again").Val(), "bye")
	is("incr", 1)(r.Incr("n").Result())
	is("incrby", 6)(r.IncrBy("n", 5).Result())
	is("decr", 5)(r.Decr("n").Result())
	is("decrby", 3)(r.DecrBy("n", 2).Result())
	is("incrbyfloat", 3.5)(r.IncrByFloat("n", 0.5).Result())
	is("setbit", 0)(r.SetBit("bits", 7, 1).Result())
	is("getbit", 1)(r.GetBit("bits", 7).Result())
	is("bitcount", 1)(r.BitCount("bits", nil).Result())
	is("bitpos", 7)(r.BitPos("bits", 1).Result())
	is("pfadd", 1)(r.PFAdd("{p}1", "a", "b").Result())
	is("pfmerge", "OK")(r.PFMerge("{p}2", "{p}1").Result())
	is("pfcount", 2)(r.PFCount("{p}1", "{p}2").Result())
	// With a tag, two keys have one server.
	ok("set with a tag", r.Set("{a}from", "x", 0).Err())
	is("rename", "OK")(r.Rename("{a}from", "{a}to").Result())
	is("renamenx", true)(r.RenameNX("{a}to", "{a}from").Result())
	same("randomkey", r.RandomKey().Val() != "", true)
}

func names() []string {
	list := make([]string, 100)
	for n := range list {
		list[n] = fmt.Sprintf("many:%d", n)
	}
	return list
}

func manyKeys(r *redis.Client) {
	before := r.DbSize().Val()
	var pairs, values []interface{}
	for n, name := range names() {
		pairs = append(pairs, name, n)
		values = append(values, n)
	}
	is("mset", "OK")(r.MSet(pairs...).Result())
	is("mget", values)(r.MGet(names()...).Result())
	is("exists", 100)(r.ExistsMulti(names()...).Result())
	is("dbsize", before+100)(r.DbSize().Result())
	list, err := r.Keys("many:*").Result()
	is("keys", 100)(len(list), err)
	is("del", 2)(r.Del(names()[:2]...).Result())
	is("unlink", 2)(r.Unlink(names()[:4]...).Result())
}

func hashesAndLists(r *redis.Client) {
	is("hset", true)(r.HSet("h", "a", 1).Result())
	is("hmset", "OK")(r.HMSet("h", map[string]string{"b": "2", "c": "3"}).Result())
	is("hget", "1")(r.HGet("h", "a").Result())
	is("hgetall", map[string]string{"a": "1", "b": "2", "c": "3"})(r.HGetAll("h").Result())
	is("hmget", []interface{}{"1", nil})(r.HMGet("h", "a", "z").Result())
	is("hincrby", 10)(r.HIncrBy("h", "a", 9).Result())
	is("hexists", true)(r.HExists("h", "a").Result())
	is("hlen", 3)(r.HLen("h").Result())
	is("hkeys", []string{"a", "b", "c"})(sorted(r.HKeys("h").Result()))
	is("hvals", []string{"10", "2", "3"})(sorted(r.HVals("h").Result()))
	is("hdel", 2)(r.HDel("h", "b", "c").Result())

	is("rpush", 3)(r.RPush("{l}", 3, 1, 2).Result())
	is("lpush", 4)(r.LPush("{l}", 0).Result())
	is("lpushx", 0)(r.LPushX("nothing", 0).Result())
	is("lrange", []string{"0", "3", "1", "2"})(r.LRange("{l}", 0, -1).Result())
	is("lindex", "2")(r.LIndex("{l}", -1).Result())
	is("linsert", 5)(r.LInsertBefore("{l}", 1, 7).Result())
	is("lset", "OK")(r.LSet("{l}", 0, 9).Result())
	is("lrem", 1)(r.LRem("{l}", 0, 7).Result())
	descending := redis.Sort{Order: "DESC", Count: 2}
	is("sort", []string{"9", "3"})(r.Sort("{l}", descending).Result())
	is("rpoplpush", "2")(r.RPopLPush("{l}", "{l}2").Result())
	is("lpop", "9")(r.LPop("{l}").Result())
	is("rpop", "1")(r.RPop("{l}").Result())
	is("ltrim", "OK")(r.LTrim("{l}", 1, 0).Result())
	is("llen", 0)(r.LLen("{l}").Result())
}

func sets(r *redis.Client) {
	is("sadd", 3)(r.SAdd("{s}a", "x", "y", "z").Result())
	is("sadd", 3)(r.SAdd("{s}b", "y", "z", "q").Result())
	is("scard", 3)(r.SCard("{s}a").Result())
	is("sismember", true)(r.SIsMember("{s}a", "x").Result())
	is("smembers", []string{"x", "y", "z"})(sorted(r.SMembers("{s}a").Result()))
	is("sinter", []string{"y", "z"})(sorted(r.SInter("{s}a", "{s}b").Result()))
	is("sunion", []string{"q", "x", "y", "z"})(sorted(r.SUnion("{s}a", "{s}b").Result()))
	is("sdiff", []string{"x"})(r.SDiff("{s}a", "{s}b").Result())
	is("sunionstore", 4)(r.SUnionStore("{s}c", "{s}a", "{s}b").Result())
	is("smove", true)(r.SMove("{s}a", "{s}b", "x").Result())
	popped, err := r.SPopN("{s}c", 3).Result()
	is("spop", 3)(len(popped), err)
	is("srem", 1)(r.SRem("{s}a", "y", "none").Result())
}

func sortedSets(r *redis.Client) {
	three := []redis.Z{{Score: 1, Member: "one"}, {Score: 2.5, Member: "two"}, {Score: 3, Member: "three"}}
	is("zadd", 3)(r.ZAdd("{z}", three...).Result())
	is("zcard", 3)(r.ZCard("{z}").Result())
	is("zcount", 2)(r.ZCount("{z}", "2", "+inf").Result())
	is("zscore", 2.5)(r.ZScore("{z}", "two").Result())
	is("zrank", 2)(r.ZRank("{z}", "three").Result())
	same("zrank of nothing", r.ZRank("{z}", "none").Err(), redis.Nil)
	is("zrange", three)(r.ZRangeWithScores("{z}", 0, -1).Result())
	is("zrevrange", []string{"three", "two"})(r.ZRevRange("{z}", 0, 1).Result())
	by := redis.ZRangeBy{Min: "(1", Max: "+inf", Offset: 1, Count: 1}
	is("zrangebyscore", []string{"three"})(r.ZRangeByScore("{z}", by).Result())
	is("zincrby", 2.5)(r.ZIncrBy("{z}", 1.5, "one").Result())
	double := redis.ZStore{Weights: []float64{2, 1}, Aggregate: "MAX"}
	is("zunionstore", 3)(r.ZUnionStore("{z}2", double, "{z}", "{z}2").Result())
	is("zremrangebyrank", 1)(r.ZRemRangeByRank("{z}2", 0, 0).Result())
	is("zrem", 1)(r.ZRem("{z}", "three", "none").Result())

	palermo := &redis.GeoLocation{Name: "Palermo", Longitude: 13.361389, Latitude: 38.115556}
	catania := &redis.GeoLocation{Name: "Catania", Longitude: 15.087269, Latitude: 37.502669}
	is("geoadd", 2)(r.GeoAdd("sicily", palermo, catania).Result())
	distance, err := r.GeoDist("sicily", "Palermo", "Catania", "km").Result()
	is("geodist", 166)(int(distance), err)
	near, err := r.GeoRadius("sicily", 15, 37, &redis.GeoRadiusQuery{Radius: 100, WithDist: true}).Result()
	is("georadius", 1)(len(near), err)
	same("georadius", near[0].Name, "Catania")
}

func pipelines(r *redis.Client) {
	pipe := r.Pipeline()
	set, incr := pipe.Set("p", 1, 0), pipe.Incr("p")
	mget := pipe.MGet("p", "many:7", "many:8")
	commands, err := pipe.Exec()
	is("pipeline", 3)(len(commands), err)
	same("pipelined set", set.Val(), "OK")
	same("pipelined incr", incr.Val(), 2)
	same("pipelined mget", mget.Val(), []string{"2", "7", "8"})

	commands, err = r.Pipelined(func(pipe *redis.Pipeline) error {
		for _, name := range names()[10:] {
			pipe.Get(name)
		}
		return nil
	})
	ok("pipelined", err)
	for n, command := range commands {
		same("pipelined get", command.(*redis.StringCmd).Val(), n+10)
	}

	// An error is that of its own command.
	commands, err = r.Pipelined(func(pipe *redis.Pipeline) error {
		pipe.Get("p")
		pipe.HGetAll("p")
		pipe.Get("many:9")
		return nil
	})
	same("an error in a pipeline", strings.HasPrefix(fmt.Sprint(err), "WRONGTYPE"), true)
	ok("before the error", commands[0].Err())
	same("after the error", commands[2].(*redis.StringCmd).Val(), "9")

	// Goroutines take connections from the pool, ten at most.
	var all sync.WaitGroup
	for n := 10; n < 60; n++ {
		all.Add(1)
		go func(n int) {
			defer all.Done()
			for i := 0; i < 20; i++ {
				is("get", n)(r.Get(fmt.Sprintf("many:%d", n)).Result())
			}
		}(n)
	}
	all.Wait()
}

func walk(what string, pages *redis.ScanCmd) []string {
	seen := map[string]bool{}
	keys := pages.Iterator()
	for keys.Next() {
		seen[keys.Val()] = true
	}
	ok(what, keys.Err())
	list := make([]string, 0, len(seen))
	for key := range seen {
		list = append(list, key)
	}
	sort.Strings(list)
	return list
}

func iterators(r *redis.Client) {
	same("scan", len(walk("scan", r.Scan(0, "many:*", 10))), 96)
	same("scan", len(walk("scan", r.Scan(0, "", 1000))), r.DbSize().Val())
	same("hscan", walk("hscan", r.HScan("h", 0, "*", 10)), []string{"10", "a"})
	for n := 0; n < 1000; n++ {
		ok("sadd", r.SAdd("big", fmt.Sprintf("member:%d", n)).Err())
	}
	same("sscan", len(walk("sscan", r.SScan("big", 0, "member:*", 50))), 1000)
	same("zscan", walk("zscan", r.ZScan("{z}", 0, "", 0)), []string{"2.5", "one", "two"})
	keys, cursor := []string{}, uint64(0)
	for {
		page, next, err := r.Scan(cursor, "many:*", 20).Result()
		ok("scan with a cursor", err)
		keys, cursor = append(keys, page...), next
		if cursor == 0 {
			break
		}
	}
	same("scan with a cursor", len(keys), 96)
}

func scripts(r *redis.Client) {
	script := redis.NewScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
	hash, err := script.Load(r).Result()
	ok("script load", err)
	// `script.Exists` of go-redis 5 asks for the source instead of the hash.
	is("script exists", []bool{true, false})(r.ScriptExists(hash, "none").Result())
	for n := 0; n < 20; n++ {
		is("evalsha", n)(script.EvalSha(r, []string{fmt.Sprintf("d:%d", n)}, n).Result())
	}
	is("script flush", "OK")(r.ScriptFlush().Result())
	is("script after a flush", 2)(script.Run(r, []string{"d:1"}, 1).Result())
	is("script after a flush", 3)(script.Run(r, []string{"d:1"}, 1).Result())
}

func connections(r *redis.Client) {
	same("info", strings.Contains(r.Info("server").Val(), "redis_version:"), true)
	is("config get", []interface{}{"maxmemory", "0"})(r.ConfigGet("maxmemory").Result())
	same("client list", strings.Contains(r.ClientList().Val(), "addr=127.0.0.1:"), true)
	same("time", r.Time().Val().Unix() > 0, true)
	// `COMMAND` is left out: this version reads six elements of each reply, and Redis 7 has ten.

	options, err := redis.ParseURL("redis://127.0.0.1:" + os.Args[1] + "/3")
	ok("a URL", err)
	other := redis.NewClient(options)
	same("another database", other.Get("greeting").Err(), redis.Nil)
	is("mset", "OK")(other.MSet("o:3", 3, "o:4", 4, "o:5", 5).Result())
	is("dbsize", 3)(other.DbSize().Result())
	ok("flushdb", other.FlushDb().Err())
	is("dbsize", 0)(other.DbSize().Result())
	ok("close", other.Close())
	is("after flushdb of another database", "bye")(r.Get("greeting").Result())
}

func transactions(r *redis.Client) {
	_, err := r.TxPipelined(func(pipe *redis.Pipeline) error {
		pipe.Set("t", 1, 0)
		pipe.Incr("t")
		return nil
	})
	ok("a transaction", err)
	is("get", "2")(r.Get("t").Result())
	ok("watch", r.Watch(func(tx *redis.Tx) error {
		_, err := tx.Pipelined(func(pipe *redis.Pipeline) error {
			pipe.Incr("t")
			return nil
		})
		return err
	}, "t"))
	same("a watched key has changed", r.Watch(func(tx *redis.Tx) error {
		ok("set", r.Set("t", 7, 0).Err())
		_, err := tx.Pipelined(func(pipe *redis.Pipeline) error {
			pipe.Incr("t")
			return nil
		})
		return err
	}, "t"), redis.TxFailedErr)
	ok("rpush", r.RPush("{w}list", "x").Err())
	is("blpop", []string{"{w}list", "x"})(r.BLPop(time.Second, "{w}none", "{w}list").Result())

	listener, err := r.Subscribe("channel")
	ok("subscribe", err)
	_, err = listener.Receive() // the confirmation
	ok("subscribe", err)
	is("publish", 1)(r.Publish("channel", "text").Result())
	message, err := listener.ReceiveMessage()
	ok("a message", err)
	same("a message", message.Payload, "text")
	ok("close of a listener", listener.Close())
	is("ping", "PONG")(r.Ping().Result())
}
