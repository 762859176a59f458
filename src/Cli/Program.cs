using PageTableEmu.Cli;

return CommandLine.Run(args, machines: null);
