namespace PageTableEmu.Paging;

/// <summary>Where the type lies in a word.</summary>
internal interface ITypeField
{
    /// <summary>Its lowest bit.</summary>
    static abstract int Shift { get; }

    /// <summary>Largest type: fewer bits than a byte has.</summary>
    static abstract ulong Mask { get; }

    /// <summary>What is complemented in the type.</summary>
    static abstract ulong Flip { get; }
}
