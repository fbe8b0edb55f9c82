//! Multicast, between two computers: a server at one, readers at the other.

use crate::network::{Network, SERVER};
use crate::players::GST_LAUNCH_ENDS;
use crate::program::{Home, Program, Stream, config, finish, shared, words};
use std::process::{Child, Command, Stdio};

const SMALL: &str = "size = \"320x240\"\nframe_rate = \"25\"";

fn serve(network: &Network, streams: &[Stream], users: &[&str]) -> Program {
    let server = format!("port = 8554\nlisten = \"{SERVER}\"\n\n[server.multicast]\ninterface = \"cam1\"\n");
    let home = Home::new(&config(users, streams).replacen("port = 0\n", &server, 1));
    if let Some(user) = users.first() {
        home.set_password(user, "pear");
    }
    let command = network.at_server(&home.command(&["--headless"]));
    home.start(command)
}

/// A reader in the other namespace: one request after the other by bash's own sockets.
fn ask(network: &Network, requests: &str) -> String {
    let script =
        format!("exec 3<>/dev/tcp/{SERVER}/8554; printf '%b' '{requests}' >&3; timeout 2 cat <&3; true");
    let mut command = Command::new("bash");
    command.args(["-c", &script]);
    words(&finish(network.at_reader(&command), ""))
}

/// What comes in by this interface for this group and port: one packet, and the hops that it had left.
fn listen(network: &Network, group: &str, port: &str, interface_address: &str) -> Child {
    const SCRIPT: &str = "
import socket, sys
group, port, interface = sys.argv[1], int(sys.argv[2]), sys.argv[3]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((group, port))
IP_RECVTTL = 12  # Linux; Python does not name it
s.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton(interface))
s.settimeout(float(sys.argv[4]))
try:
    data, more, _, _ = s.recvmsg(2000, 100)
    print(len(data), int.from_bytes(more[0][2], 'little'))
except TimeoutError:
    print('nothing')
";
    let mut command = Command::new("python3");
    command.args(["-c", SCRIPT, group, port, interface_address, "20"]);
    network.at_reader(&command).stdout(Stdio::piped()).stdin(Stdio::piped()).spawn().unwrap()
}

fn part<'a>(answer: &'a str, name: &str) -> &'a str {
    let start = answer.find(name).unwrap_or_else(|| panic!("no {name} in {answer}")) + name.len();
    answer[start..].split([';', '\r', '\n']).next().unwrap()
}

#[test]
fn multicast_leaves_by_the_interface_chosen_for_the_next_network_alone() {
    let _turn = shared();
    let Some(network) = Network::new() else { return };
    let streams = [
        Stream::pattern("lobby", "ball").picture(SMALL).transports(&["multicast", "tcp"]),
        Stream::pattern("hall", "ball").picture(SMALL).transports(&["multicast"]),
        Stream::pattern("quiet", "ball").picture(SMALL),
    ];
    let mut program = serve(&network, &streams, &[]);
    let urls = ["lobby", "hall", "quiet"].map(|name| program.address(name));

    let set_up = |url: &str, offer: &str| {
        ask(
            &network,
            &format!("SETUP {url}/stream=0 RTSP/1.0\\r\\nCSeq: 1\\r\\nTransport: {offer}\\r\\n\\r\\n"),
        )
    };
    // What a reader wants of address and hops is not asked for.
    let wish = "RTP/AVP;multicast;destination=239.1.2.3;port=7000-7001;ttl=255";
    let (lobby, hall) = (set_up(&urls[0], wish), set_up(&urls[1], "RTP/AVP;multicast"));
    let group = |answer: &str| part(answer, "destination=").to_owned();
    assert!(group(&lobby).starts_with("239.255.84."), "{lobby}");
    assert_eq!((part(&lobby, "ttl="), part(&lobby, "port=")), ("1", "5004-5005"), "{lobby}");
    assert_eq!(part(&hall, "port="), "5004-5005", "{hall}");
    assert_ne!(group(&lobby), group(&hall), "each stream has its own group");
    assert!(set_up(&urls[1], "RTP/AVP;unicast;client_port=7000-7001").contains("RTSP/1.0 461"));
    assert!(set_up(&urls[2], "RTP/AVP;multicast").contains("RTSP/1.0 461"), "nobody has asked for it");

    // A player, and packets as they are on the wire: by the interface chosen, with one hop, and by no other.
    let seen = listen(&network, &group(&lobby), "5004", "198.51.100.2");
    let mut player = Command::new("gst-launch-1.0");
    player.args(["rtspsrc", &format!("location={}", urls[0]), "protocols=udp-mcast"]);
    player.args(["multicast-iface=eye1", "!", "decodebin", "!", "identity", "eos-after=50", "!", "fakesink"]);
    let played = finish(network.at_reader(&player), "");
    assert!(words(&played).contains(GST_LAUNCH_ENDS), "{}", words(&played));
    let seen = String::from_utf8(seen.wait_with_output().unwrap().stdout).unwrap();
    assert!(seen.trim().ends_with(" 1"), "length and hops: {seen}");
    program.stop();
}

#[test]
fn a_protected_stream_asks_for_the_password_before_it_names_its_group() {
    let _turn = shared();
    let Some(network) = Network::new() else { return };
    let stream = Stream::pattern("cellar", "ball").picture(SMALL).protected("guest", "basic");
    let mut program = serve(&network, &[stream.transports(&["multicast"])], &["guest"]);
    let url = program.address("cellar");
    let offer = "Transport: RTP/AVP;multicast\\r\\n";
    let request = |more: &str| format!("SETUP {url}/stream=0 RTSP/1.0\\r\\nCSeq: 1\\r\\n{offer}{more}\\r\\n");
    assert!(ask(&network, &request("")).contains("RTSP/1.0 401"));
    // guest:pear
    let login = "Authorization: Basic Z3Vlc3Q6cGVhcg==\\r\\n";
    assert!(ask(&network, &request(login)).contains("destination=239.255.84."));
    program.stop();
}
