# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_etcd_grpc_proxy_global_optspecs
    string join \n h/help
end

function __fish_etcd_grpc_proxy_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_etcd_grpc_proxy_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_etcd_grpc_proxy_using_subcommand
    set -l cmd (__fish_etcd_grpc_proxy_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_needs_command" -s h -l help -d 'Print help'
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_needs_command" -f -a "start" -d 'Serves'
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_needs_command" -f -a "gateway" -d 'Carries TCP connections to the members'
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_needs_command" -f -a "check" -d 'Does all that start would refuse, without starting'
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_needs_command" -f -a "config" -d 'Shows the configuration'
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_needs_command" -f -a "status" -d 'Shows what a proxy says of itself: members, watches, reads, leases, clients.  Where the proxy has a --metrics-addr, its status is there only.'
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_needs_command" -f -a "version" -d 'Prints the version'
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l listen-addr -d 'Where clients connect (default 127.0.0.1:23790)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l advertise-client-url -d 'What MemberList names as the members\' client URL; "" tells the real members (default 127.0.0.1:23790)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l max-concurrent-streams -d 'Streams that one client connection may have open (default 4294967295)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l grpc-keepalive-min-time -d 'Clients that ping more often than this are disconnected (default 5s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l grpc-keepalive-interval -d 'Pings a client that was silent for this long (default 2h)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l grpc-keepalive-timeout -d 'Disconnects a client that leaves a ping unanswered for this long (default 20s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l read-only -d 'Refuses writes; leases, locks and elections are writes too' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l drain-delay -d 'Upon SIGTERM, how long clients are still served after /readyz has said no, before the port is closed (default 0s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l drain-timeout -d 'After that, how long calls in progress may take to end (default 30s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l cors -d 'Web pages that may read the JSON API\'s answers, by their origins (https://host:port), separated by commas; * is all (default *)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l max-connections -d 'Connections of all clients together; 0 sets no limit (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l max-watches-per-client -d 'Watchers of one client over all its streams; 0 sets no limit (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l client-qps -d 'Calls of one client in a second; 0 sets no limit (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l client-burst -d 'Calls of one client that may come at once after some quiet; 0 is a second\'s (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l client-key -d 'Who is one client: an address (of IPv6 a /64), a credential (a token of etcd\'s) or a certificate (its subject) (default address)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l endpoints -d 'The members: host:port, http://, https://, unix: or unixs:, separated by commas (default 127.0.0.1:2379)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l endpoints-auto-sync-interval -d 'Asks the cluster for its members this often; 0 never does (default 0s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l user -d 'Who the proxy itself is to etcd, for what it asks on its own behalf; also ETCD_GRPC_PROXY_USER' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l password-file -d 'That user\'s password; also ETCD_GRPC_PROXY_PASSWORD' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l balancer -d 'Which member serves a call: pin, round-robin or least-in-flight (default pin)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l upstream-connections -d 'HTTP/2 connections for each member, worker thread and kind of traffic (default 1)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l dial-keepalive-time -d 'Pings a member that was silent for this long; 0 leaves it to the balancer (default 0s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l dial-keepalive-timeout -d 'Gives up a member that leaves a ping unanswered for this long (default 20s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l permit-without-stream -d 'Pings members while no call is in progress, too' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l max-send-bytes -d 'The largest message sent to etcd; 0 means 2 MiB (default 1572864)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l max-recv-bytes -d 'The largest message taken from etcd (default 2147483647)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l read-coalescing -d 'Whether linearizable reads that come together share one transaction on etcd (default on)' -r -f -a "on\t''
off\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l watch-coalescing -d 'Whether watchers of one range share one watcher on etcd (default on)' -r -f -a "on\t''
off\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l watch-history-bytes -d 'Past events kept in memory for watchers that come back or read slowly (default 67108864)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l cache-max-entries -d 'Answers to serializable reads kept in memory; 0 keeps none (default 8192)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l cache-max-bytes -d 'Memory for answers to serializable reads; 0 keeps none (default 67108864)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l cache-max-age -d 'How old such an answer may be, so that it lacks what was changed elsewhere; 0 keeps none (default 1s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l cert -d 'Client certificate (PEM), without a common name' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l key -d 'Private key of the client certificate (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l cacert -d 'Authorities that etcd\'s certificates must lead to (PEM); the system\'s without it' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l insecure-skip-tls-verify -d 'Takes any certificate of etcd\'s. For tests only' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l cert-file -d 'Server certificate (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l key-file -d 'Private key of the server certificate (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l trusted-ca-file -d 'Asks clients for a certificate that leads to one of these (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l client-crl-file -d 'Revoked client certificates (DER or PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l client-crl-mode -d 'A serial number in the list is revoked (etcd), or the list\'s issuer, signature and age count (strict) (default etcd)' -r -f -a "etcd\t''
strict\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l listen-cipher-suites -d 'TLS 1.2 cipher suites by their IANA names' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l tls-min-version -d 'Oldest TLS version: TLS1.2 or TLS1.3 (default TLS1.2)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l tls-max-version -d 'Newest TLS version; "" sets no limit' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l tls-curve-preferences -d 'Curves of every TLS connection: X25519, P-256, P-384, X25519MLKEM768, SecP256r1MLKEM768' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l auto-tls -d 'Makes a self-signed certificate' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l self-signed-cert-validity -d 'How long the self-signed certificate is good for (default 1)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l data-dir -d 'Where the self-signed certificate is kept (default default.proxy)' -r -f -a "(__fish_complete_directories)"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l discovery-srv -d 'Finds the members in this domain\'s SRV records' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l discovery-srv-name -d 'Suffix of the SRV records\' service name' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l insecure-discovery -d 'Takes SRV records without a check of the members\' certificates' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l discovery-interval -d 'How often the SRV records are looked up again (default 30s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l dns-server -d 'The DNS server to ask for SRV records and members\' names; the system\'s without it' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l namespace -d 'Puts every key of the clients under this prefix' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l namespace-policy -d 'What reaches beyond the namespace is let through (permissive) or refused (strict) (default permissive)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l resolver-prefix -d 'Registers this proxy in etcd under this prefix' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l resolver-ttl -d 'How long a registration outlives its proxy (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l experimental-serializable-ordering -d 'Serializable reads never go back in time' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l experimental-leasing-prefix -d 'Answers linearizable reads from memory, of keys leased by keys under this prefix' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l leasing-session-ttl -d 'How long such keys stay leased to a proxy that is cut off (default 60)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l metrics-addr -d 'A second address for metrics and health: http://, https:// or unix://' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l metrics-cert-file -d 'Server certificate of that address, where it is not the clients\' (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l metrics-key-file -d 'Private key of that certificate (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l metrics-client-cert-auth -d 'Whether --trusted-ca-file holds for that address too (default on)' -r -f -a "on\t''
off\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l metrics -d 'extensive adds how long calls take, as a histogram for each method (default basic)' -r -f -a "basic\t''
extensive\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l enable-pprof -d 'Serves profiles under /debug/pprof' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l experimental-enable-grpc-logging -d 'Logs every message, with keys and values cut short and without passwords and tokens' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l enable-distributed-tracing -d 'Sends spans to an OpenTelemetry collector; in builds with the feature otel' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l distributed-tracing-address -d 'The collector, which is spoken to in OTLP over gRPC (default localhost:4317)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l distributed-tracing-service-name -d 'The service that spans name (default etcd)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l distributed-tracing-instance-id -d 'The service\'s instance that spans name' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l distributed-tracing-sampling-rate -d 'Traces of a million that begin here and are kept (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l debug -d 'Logs at debug level' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l log-level -d 'What is logged: debug, info, warn or error (default info)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l log-format -d 'How it is logged; console is for people (default json)' -r -f -a "json\t''
console\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l config-file -d 'Reads what is not on the command line and not in the environment from this file (.toml, .yaml, .yml)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l worker-threads -d 'Threads that serve; 0 is one for each core that the process may use (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -l version -d 'Prints the version' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand start" -s h -l help -d 'Prints this help' -r
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and not __fish_seen_subcommand_from start" -f -a "start" -d 'Carries them'
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and __fish_seen_subcommand_from start" -l listen-addr -d 'Where clients connect (default 127.0.0.1:23790)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and __fish_seen_subcommand_from start" -l endpoints -d 'The members: host:port, with or without a scheme, separated by commas (default 127.0.0.1:2379)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and __fish_seen_subcommand_from start" -l retry-delay -d 'How often an endpoint is tried again that was set aside; 0 means 5m (default 1m)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and __fish_seen_subcommand_from start" -l dial-timeout -d 'How long one endpoint may take to be connected to (default 5s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and __fish_seen_subcommand_from start" -l drain-timeout -d 'Upon SIGTERM, how long connections may take to end (default 30s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and __fish_seen_subcommand_from start" -l discovery-srv -d 'Finds the members in this domain\'s SRV records' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and __fish_seen_subcommand_from start" -l discovery-srv-name -d 'Suffix of the SRV records\' service name' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and __fish_seen_subcommand_from start" -l insecure-discovery -d 'Takes SRV records without a check of the members\' certificates' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and __fish_seen_subcommand_from start" -l trusted-ca-file -d 'Authorities that these certificates must lead to (PEM); the system\'s without it' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and __fish_seen_subcommand_from start" -l discovery-interval -d 'How often the SRV records are looked up again (default 30s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and __fish_seen_subcommand_from start" -l dns-server -d 'The DNS server to ask for SRV records and members\' names; the system\'s without it' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and __fish_seen_subcommand_from start" -l metrics-addr -d 'An address for metrics and health: http://host:port or unix://path' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and __fish_seen_subcommand_from start" -l debug -d 'Logs at debug level' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and __fish_seen_subcommand_from start" -l worker-threads -d 'Threads that serve; 0 is one for each core that the process may use (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and __fish_seen_subcommand_from start" -l version -d 'Prints the version' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand gateway; and __fish_seen_subcommand_from start" -s h -l help -d 'Prints this help' -r
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l listen-addr -d 'Where clients connect (default 127.0.0.1:23790)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l advertise-client-url -d 'What MemberList names as the members\' client URL; "" tells the real members (default 127.0.0.1:23790)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l max-concurrent-streams -d 'Streams that one client connection may have open (default 4294967295)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l grpc-keepalive-min-time -d 'Clients that ping more often than this are disconnected (default 5s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l grpc-keepalive-interval -d 'Pings a client that was silent for this long (default 2h)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l grpc-keepalive-timeout -d 'Disconnects a client that leaves a ping unanswered for this long (default 20s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l read-only -d 'Refuses writes; leases, locks and elections are writes too' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l drain-delay -d 'Upon SIGTERM, how long clients are still served after /readyz has said no, before the port is closed (default 0s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l drain-timeout -d 'After that, how long calls in progress may take to end (default 30s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l cors -d 'Web pages that may read the JSON API\'s answers, by their origins (https://host:port), separated by commas; * is all (default *)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l max-connections -d 'Connections of all clients together; 0 sets no limit (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l max-watches-per-client -d 'Watchers of one client over all its streams; 0 sets no limit (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l client-qps -d 'Calls of one client in a second; 0 sets no limit (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l client-burst -d 'Calls of one client that may come at once after some quiet; 0 is a second\'s (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l client-key -d 'Who is one client: an address (of IPv6 a /64), a credential (a token of etcd\'s) or a certificate (its subject) (default address)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l endpoints -d 'The members: host:port, http://, https://, unix: or unixs:, separated by commas (default 127.0.0.1:2379)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l endpoints-auto-sync-interval -d 'Asks the cluster for its members this often; 0 never does (default 0s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l user -d 'Who the proxy itself is to etcd, for what it asks on its own behalf; also ETCD_GRPC_PROXY_USER' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l password-file -d 'That user\'s password; also ETCD_GRPC_PROXY_PASSWORD' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l balancer -d 'Which member serves a call: pin, round-robin or least-in-flight (default pin)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l upstream-connections -d 'HTTP/2 connections for each member, worker thread and kind of traffic (default 1)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l dial-keepalive-time -d 'Pings a member that was silent for this long; 0 leaves it to the balancer (default 0s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l dial-keepalive-timeout -d 'Gives up a member that leaves a ping unanswered for this long (default 20s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l permit-without-stream -d 'Pings members while no call is in progress, too' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l max-send-bytes -d 'The largest message sent to etcd; 0 means 2 MiB (default 1572864)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l max-recv-bytes -d 'The largest message taken from etcd (default 2147483647)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l read-coalescing -d 'Whether linearizable reads that come together share one transaction on etcd (default on)' -r -f -a "on\t''
off\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l watch-coalescing -d 'Whether watchers of one range share one watcher on etcd (default on)' -r -f -a "on\t''
off\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l watch-history-bytes -d 'Past events kept in memory for watchers that come back or read slowly (default 67108864)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l cache-max-entries -d 'Answers to serializable reads kept in memory; 0 keeps none (default 8192)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l cache-max-bytes -d 'Memory for answers to serializable reads; 0 keeps none (default 67108864)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l cache-max-age -d 'How old such an answer may be, so that it lacks what was changed elsewhere; 0 keeps none (default 1s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l cert -d 'Client certificate (PEM), without a common name' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l key -d 'Private key of the client certificate (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l cacert -d 'Authorities that etcd\'s certificates must lead to (PEM); the system\'s without it' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l insecure-skip-tls-verify -d 'Takes any certificate of etcd\'s. For tests only' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l cert-file -d 'Server certificate (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l key-file -d 'Private key of the server certificate (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l trusted-ca-file -d 'Asks clients for a certificate that leads to one of these (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l client-crl-file -d 'Revoked client certificates (DER or PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l client-crl-mode -d 'A serial number in the list is revoked (etcd), or the list\'s issuer, signature and age count (strict) (default etcd)' -r -f -a "etcd\t''
strict\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l listen-cipher-suites -d 'TLS 1.2 cipher suites by their IANA names' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l tls-min-version -d 'Oldest TLS version: TLS1.2 or TLS1.3 (default TLS1.2)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l tls-max-version -d 'Newest TLS version; "" sets no limit' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l tls-curve-preferences -d 'Curves of every TLS connection: X25519, P-256, P-384, X25519MLKEM768, SecP256r1MLKEM768' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l auto-tls -d 'Makes a self-signed certificate' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l self-signed-cert-validity -d 'How long the self-signed certificate is good for (default 1)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l data-dir -d 'Where the self-signed certificate is kept (default default.proxy)' -r -f -a "(__fish_complete_directories)"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l discovery-srv -d 'Finds the members in this domain\'s SRV records' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l discovery-srv-name -d 'Suffix of the SRV records\' service name' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l insecure-discovery -d 'Takes SRV records without a check of the members\' certificates' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l discovery-interval -d 'How often the SRV records are looked up again (default 30s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l dns-server -d 'The DNS server to ask for SRV records and members\' names; the system\'s without it' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l namespace -d 'Puts every key of the clients under this prefix' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l namespace-policy -d 'What reaches beyond the namespace is let through (permissive) or refused (strict) (default permissive)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l resolver-prefix -d 'Registers this proxy in etcd under this prefix' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l resolver-ttl -d 'How long a registration outlives its proxy (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l experimental-serializable-ordering -d 'Serializable reads never go back in time' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l experimental-leasing-prefix -d 'Answers linearizable reads from memory, of keys leased by keys under this prefix' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l leasing-session-ttl -d 'How long such keys stay leased to a proxy that is cut off (default 60)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l metrics-addr -d 'A second address for metrics and health: http://, https:// or unix://' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l metrics-cert-file -d 'Server certificate of that address, where it is not the clients\' (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l metrics-key-file -d 'Private key of that certificate (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l metrics-client-cert-auth -d 'Whether --trusted-ca-file holds for that address too (default on)' -r -f -a "on\t''
off\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l metrics -d 'extensive adds how long calls take, as a histogram for each method (default basic)' -r -f -a "basic\t''
extensive\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l enable-pprof -d 'Serves profiles under /debug/pprof' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l experimental-enable-grpc-logging -d 'Logs every message, with keys and values cut short and without passwords and tokens' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l enable-distributed-tracing -d 'Sends spans to an OpenTelemetry collector; in builds with the feature otel' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l distributed-tracing-address -d 'The collector, which is spoken to in OTLP over gRPC (default localhost:4317)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l distributed-tracing-service-name -d 'The service that spans name (default etcd)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l distributed-tracing-instance-id -d 'The service\'s instance that spans name' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l distributed-tracing-sampling-rate -d 'Traces of a million that begin here and are kept (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l debug -d 'Logs at debug level' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l log-level -d 'What is logged: debug, info, warn or error (default info)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l log-format -d 'How it is logged; console is for people (default json)' -r -f -a "json\t''
console\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l config-file -d 'Reads what is not on the command line and not in the environment from this file (.toml, .yaml, .yml)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l worker-threads -d 'Threads that serve; 0 is one for each core that the process may use (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -l version -d 'Prints the version' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand check" -s h -l help -d 'Prints this help' -r
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and not __fish_seen_subcommand_from show" -f -a "show" -d 'Prints every value and where it comes from'
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l listen-addr -d 'Where clients connect (default 127.0.0.1:23790)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l advertise-client-url -d 'What MemberList names as the members\' client URL; "" tells the real members (default 127.0.0.1:23790)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l max-concurrent-streams -d 'Streams that one client connection may have open (default 4294967295)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l grpc-keepalive-min-time -d 'Clients that ping more often than this are disconnected (default 5s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l grpc-keepalive-interval -d 'Pings a client that was silent for this long (default 2h)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l grpc-keepalive-timeout -d 'Disconnects a client that leaves a ping unanswered for this long (default 20s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l read-only -d 'Refuses writes; leases, locks and elections are writes too' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l drain-delay -d 'Upon SIGTERM, how long clients are still served after /readyz has said no, before the port is closed (default 0s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l drain-timeout -d 'After that, how long calls in progress may take to end (default 30s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l cors -d 'Web pages that may read the JSON API\'s answers, by their origins (https://host:port), separated by commas; * is all (default *)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l max-connections -d 'Connections of all clients together; 0 sets no limit (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l max-watches-per-client -d 'Watchers of one client over all its streams; 0 sets no limit (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l client-qps -d 'Calls of one client in a second; 0 sets no limit (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l client-burst -d 'Calls of one client that may come at once after some quiet; 0 is a second\'s (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l client-key -d 'Who is one client: an address (of IPv6 a /64), a credential (a token of etcd\'s) or a certificate (its subject) (default address)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l endpoints -d 'The members: host:port, http://, https://, unix: or unixs:, separated by commas (default 127.0.0.1:2379)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l endpoints-auto-sync-interval -d 'Asks the cluster for its members this often; 0 never does (default 0s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l user -d 'Who the proxy itself is to etcd, for what it asks on its own behalf; also ETCD_GRPC_PROXY_USER' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l password-file -d 'That user\'s password; also ETCD_GRPC_PROXY_PASSWORD' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l balancer -d 'Which member serves a call: pin, round-robin or least-in-flight (default pin)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l upstream-connections -d 'HTTP/2 connections for each member, worker thread and kind of traffic (default 1)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l dial-keepalive-time -d 'Pings a member that was silent for this long; 0 leaves it to the balancer (default 0s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l dial-keepalive-timeout -d 'Gives up a member that leaves a ping unanswered for this long (default 20s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l permit-without-stream -d 'Pings members while no call is in progress, too' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l max-send-bytes -d 'The largest message sent to etcd; 0 means 2 MiB (default 1572864)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l max-recv-bytes -d 'The largest message taken from etcd (default 2147483647)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l read-coalescing -d 'Whether linearizable reads that come together share one transaction on etcd (default on)' -r -f -a "on\t''
off\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l watch-coalescing -d 'Whether watchers of one range share one watcher on etcd (default on)' -r -f -a "on\t''
off\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l watch-history-bytes -d 'Past events kept in memory for watchers that come back or read slowly (default 67108864)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l cache-max-entries -d 'Answers to serializable reads kept in memory; 0 keeps none (default 8192)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l cache-max-bytes -d 'Memory for answers to serializable reads; 0 keeps none (default 67108864)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l cache-max-age -d 'How old such an answer may be, so that it lacks what was changed elsewhere; 0 keeps none (default 1s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l cert -d 'Client certificate (PEM), without a common name' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l key -d 'Private key of the client certificate (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l cacert -d 'Authorities that etcd\'s certificates must lead to (PEM); the system\'s without it' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l insecure-skip-tls-verify -d 'Takes any certificate of etcd\'s. For tests only' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l cert-file -d 'Server certificate (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l key-file -d 'Private key of the server certificate (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l trusted-ca-file -d 'Asks clients for a certificate that leads to one of these (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l client-crl-file -d 'Revoked client certificates (DER or PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l client-crl-mode -d 'A serial number in the list is revoked (etcd), or the list\'s issuer, signature and age count (strict) (default etcd)' -r -f -a "etcd\t''
strict\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l listen-cipher-suites -d 'TLS 1.2 cipher suites by their IANA names' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l tls-min-version -d 'Oldest TLS version: TLS1.2 or TLS1.3 (default TLS1.2)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l tls-max-version -d 'Newest TLS version; "" sets no limit' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l tls-curve-preferences -d 'Curves of every TLS connection: X25519, P-256, P-384, X25519MLKEM768, SecP256r1MLKEM768' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l auto-tls -d 'Makes a self-signed certificate' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l self-signed-cert-validity -d 'How long the self-signed certificate is good for (default 1)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l data-dir -d 'Where the self-signed certificate is kept (default default.proxy)' -r -f -a "(__fish_complete_directories)"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l discovery-srv -d 'Finds the members in this domain\'s SRV records' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l discovery-srv-name -d 'Suffix of the SRV records\' service name' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l insecure-discovery -d 'Takes SRV records without a check of the members\' certificates' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l discovery-interval -d 'How often the SRV records are looked up again (default 30s)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l dns-server -d 'The DNS server to ask for SRV records and members\' names; the system\'s without it' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l namespace -d 'Puts every key of the clients under this prefix' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l namespace-policy -d 'What reaches beyond the namespace is let through (permissive) or refused (strict) (default permissive)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l resolver-prefix -d 'Registers this proxy in etcd under this prefix' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l resolver-ttl -d 'How long a registration outlives its proxy (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l experimental-serializable-ordering -d 'Serializable reads never go back in time' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l experimental-leasing-prefix -d 'Answers linearizable reads from memory, of keys leased by keys under this prefix' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l leasing-session-ttl -d 'How long such keys stay leased to a proxy that is cut off (default 60)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l metrics-addr -d 'A second address for metrics and health: http://, https:// or unix://' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l metrics-cert-file -d 'Server certificate of that address, where it is not the clients\' (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l metrics-key-file -d 'Private key of that certificate (PEM)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l metrics-client-cert-auth -d 'Whether --trusted-ca-file holds for that address too (default on)' -r -f -a "on\t''
off\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l metrics -d 'extensive adds how long calls take, as a histogram for each method (default basic)' -r -f -a "basic\t''
extensive\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l enable-pprof -d 'Serves profiles under /debug/pprof' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l experimental-enable-grpc-logging -d 'Logs every message, with keys and values cut short and without passwords and tokens' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l enable-distributed-tracing -d 'Sends spans to an OpenTelemetry collector; in builds with the feature otel' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l distributed-tracing-address -d 'The collector, which is spoken to in OTLP over gRPC (default localhost:4317)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l distributed-tracing-service-name -d 'The service that spans name (default etcd)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l distributed-tracing-instance-id -d 'The service\'s instance that spans name' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l distributed-tracing-sampling-rate -d 'Traces of a million that begin here and are kept (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l debug -d 'Logs at debug level' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l log-level -d 'What is logged: debug, info, warn or error (default info)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l log-format -d 'How it is logged; console is for people (default json)' -r -f -a "json\t''
console\t''"
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l config-file -d 'Reads what is not on the command line and not in the environment from this file (.toml, .yaml, .yml)' -r -F
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l worker-threads -d 'Threads that serve; 0 is one for each core that the process may use (default 0)' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -l version -d 'Prints the version' -r -f
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Prints this help' -r
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand status" -l endpoint -d 'host:port, http://, https:// or unix:// of the proxy' -r
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand status" -l interval -d 'How often, with --watch' -r
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand status" -l cacert -d 'Authorities that the proxy\'s certificate must lead to (PEM)' -r
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand status" -l cert -d 'Client certificate (PEM)' -r
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand status" -l key -d 'Private key of the client certificate (PEM)' -r
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand status" -l watch -d 'Shows it anew until it is interrupted'
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand status" -l json -d 'Shows it as JSON'
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand status" -l insecure-skip-tls-verify -d 'Takes any certificate. For tests only'
complete -c etcd-grpc-proxy -n "__fish_etcd_grpc_proxy_using_subcommand status" -s h -l help -d 'Print help'
