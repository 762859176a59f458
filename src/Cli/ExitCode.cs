namespace PageTableEmu.Cli;

/// <summary>What the program tells its caller.</summary>
internal static class ExitCode
{
    /// <summary>All is as it should be.</summary>
    public const int Ok = 0;

    /// <summary>The input was understood and something differs, is violated or is not yet known.</summary>
    public const int Difference = 1;

    /// <summary>The command line or the input cannot be understood, or a file cannot be read or written.</summary>
    public const int Usage = 2;

    /// <summary>The program itself failed.</summary>
    public const int Defect = 3;
}
