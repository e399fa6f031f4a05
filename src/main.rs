//! The program `patient-logger`: its command line, and nothing else.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    patient_logger::cli::main()
}
