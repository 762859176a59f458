namespace PageTableEmu.Cli.Entries;

/// <summary>A word or an object that cannot be understood; the message is for the user.</summary>
internal sealed class InputException(string message) : Exception(message);
