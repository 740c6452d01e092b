//! Refuses to compile the extension without the flag of `.cargo/config.toml`, which turns off a faulty pass of LLVM.

const FLAG: &str = "-disable-postra-machine-sink";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Cargo passes the flags on in this variable, wherever they come from.
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    println!("cargo::rerun-if-env-changed=RUSTFLAGS");
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    if !flags.contains(FLAG) {
        println!(
            "cargo::error=without the flag `-C llvm-args={FLAG}`, the extension could crash the server when a statement is \
             canceled. Unset RUSTFLAGS, which replaces the flags of .cargo/config.toml, or add the flag to it."
        );
    }
}
