# A program with Sidekiq's jobs and a worker of its own.
#
#     ruby sidekiq_program.rb PORT
#
# Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.

require "sidekiq/cli"
require "sidekiq/api"

def same(got, wanted, what)
  abort "#{what}: got #{got.inspect[0, 300]}, wanted #{wanted.inspect[0, 300]}" unless got == wanted
end

# Waits until it is so, 20 seconds at most.
def wait_for(what)
  400.times do
    return if yield
    sleep 0.05
  end
  abort "#{what}: not within 20 seconds"
end

URL = "redis://127.0.0.1:#{ARGV[0]}"
Sidekiq.configure_client { |config| config.redis = { url: URL } }
Sidekiq.configure_server { |config| config.redis = { url: URL } }
Sidekiq.logger.level = Logger::FATAL
Redis.silence_deprecations = true
DONE = Queue.new

class Add
  include Sidekiq::Worker

  def perform(a, b)
    DONE << a + b
  end
end

class FailsOnce
  include Sidekiq::Worker
  sidekiq_options queue: "low", retry: 3
  sidekiq_retry_in { 1 }
  TRIES = Queue.new

  def perform
    TRIES << 1
    raise "the first time" if TRIES.size == 1
    DONE << "at last"
  end
end

50.times { |n| Add.set(queue: n.even? ? "default" : "low").perform_async(n, 1) }
Add.perform_in(1, 1000, 1)
Sidekiq::Client.push_bulk("class" => Add, "args" => (2000...2020).map { |n| [n, 1] })
FailsOnce.perform_async
same(Sidekiq::Stats.new.enqueued, 71, "enqueued")
same(Sidekiq::ScheduledSet.new.size, 1, "scheduled")
same(Sidekiq::Stats.new.queues, { "default" => 45, "low" => 26 }, "queues")

options = Sidekiq.options
options.merge!(queues: %w[default low], concurrency: 5, poll_interval_average: 0.2)
launcher = Sidekiq::Launcher.new(options)
launcher.run
wait_for("jobs") { DONE.size == 72 }
got = Array.new(72) { DONE.pop }
wanted = (1..50).to_a + [1001] + (2001..2020).to_a
same(got.grep(Integer).sort, wanted, "results")
same(got.grep(String), ["at last"], "a job that is tried again")

# What the heartbeat writes, in transactions over several keys.
wait_for("counts") { (stats = Sidekiq::Stats.new) && [stats.processed, stats.failed] == [73, 1] }
same(Sidekiq::ProcessSet.new.map { |process| process["concurrency"] }, [5], "processes")
same(Sidekiq::Queue.all.map(&:name).sort, %w[default low], "names of queues")
same(Sidekiq::RetrySet.new.size, 0, "to be tried again")
launcher.stop
same(Sidekiq::ProcessSet.new(false).size, 0, "processes after the end")
puts "done"
