# Sidekiq, for workers that are killed.
#
#     ruby killed_sidekiq.rb PORT LEDGER enqueue COUNT
#     ruby killed_sidekiq.rb PORT LEDGER work
#
# A job counts itself at the server LEDGER, which is not behind the pool.

port, ledger, verb, count = ARGV
if verb == "enqueue"
  require "sidekiq"
else
  require "sidekiq/cli"
end

URL = "redis://127.0.0.1:#{port}"
LEDGER = ConnectionPool.new(size: 5) { Redis.new(port: ledger.to_i) }
Sidekiq.configure_client { |config| config.redis = { url: URL } }
Sidekiq.configure_server { |config| config.redis = { url: URL } }
Sidekiq.logger.level = Logger::ERROR
Redis.silence_deprecations = true

class Record
  include Sidekiq::Worker

  def perform(n)
    LEDGER.with { |server| server.hincrby("done", n, 1) }
  end
end

if verb == "enqueue"
  count.to_i.times { |n| Record.set(queue: n.even? ? "default" : "low").perform_async(n) }
  puts "done"
else
  cli = Sidekiq::CLI.instance
  cli.parse(["-c", "5", "-q", "default", "-q", "low", "-r", __FILE__])
  # What it would load is here already.
  cli.run(boot_app: false)
end
