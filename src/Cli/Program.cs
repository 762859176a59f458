using PageTableEmu.Cli;
using PageTableEmu.Replay.Machines;

return CommandLine.Run(args, new ReplayMachines());
