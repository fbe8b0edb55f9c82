fn main() -> std::process::ExitCode {
    headwater::app::run()
}
