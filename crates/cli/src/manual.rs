//! `bellwether completions` and `bellwether man`: both come from the one definition of the command line.

use std::path::Path;

use bellwether_app::private;
use bellwether_base::Shown;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::args::{Cli, Common, CompletionsArgs, ManArgs, ShellName};
use crate::notes::note;
use crate::out;
use crate::outcome::{Exit, Failure};

/// Prints the completions of a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let shell = match args.shell {
        ShellName::Bash => Shell::Bash,
        ShellName::Zsh => Shell::Zsh,
        ShellName::Fish => Shell::Fish,
    };
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "bellwether", &mut text);
    out::page(&Shown::lines(&String::from_utf8_lossy(&text)))?;
    Ok(Exit::Done)
}

/// Prints the page of the program, or writes the page of each command into a folder.
pub(crate) fn man(common: &Common, args: &ManArgs) -> Result<Exit, Failure> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let Some(folder) = &args.out else {
        out::page(&Shown::lines(&page(&command, "bellwether")?))?;
        return Ok(Exit::Done);
    };
    let told = |e: std::io::Error| Failure::Work(format!("cannot make the folder {}: {e}", folder.display()));
    std::fs::create_dir_all(folder).map_err(told)?;
    let count = write(common, folder, &command, "bellwether")?;
    note(common, &format!("{count} pages are in {}", folder.display()));
    Ok(Exit::Done)
}

/// Writes the page of a command and those of its subcommands; answers their number.
fn write(common: &Common, folder: &Path, command: &clap::Command, name: &str) -> Result<usize, Failure> {
    let file = folder.join(format!("{name}.1"));
    private::write(&file, page(command, name)?.as_bytes(), &mut |told| note(common, &told))?;
    let mut count = 1;
    for part in command.get_subcommands() {
        count += write(common, folder, part, &format!("{name}-{}", part.get_name()))?;
    }
    Ok(count)
}

fn page(command: &clap::Command, name: &str) -> Result<String, Failure> {
    let mut text = Vec::new();
    Man::new(command.clone()).title(name).render(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
